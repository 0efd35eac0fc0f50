"""Trains the vision base: a small CLIP, by contrast, on pictures and captions of this world.

A batch holds families of scenes that differ in one thing, so that telling them apart takes every word. The
text tower pools at the end token. That token is the tokenizer's <pad>, not id 2: transformers' CLIPTextModel
takes eos_token_id = 2 as a sign of old models and then pools at the highest id instead of the end.
"""

import argparse
import random

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel, CLIPVisionModel

from draw import draw, pixels
from prompt import BOS, FOLDER, Prompter
from stream import Log, groups, rate, stream
from talk import article, caption
from world import TOWER_SEED, change_one_thing, make_scene

FAMILIES, MEMBERS = 12, 4
PROBE_SEED = 9_000_000   # of the tower's range; pictures for its own held-out score

VISION = dict(hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, patch_size=14,
              image_size=84, projection_dim=128, hidden_act="quick_gelu")


def make_model(prompter):
    text = dict(hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4,
                vocab_size=prompter.vocabulary, max_position_embeddings=80, projection_dim=128,
                bos_token_id=BOS, eos_token_id=prompter.pad, pad_token_id=0)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=128,
                                attn_implementation="sdpa"))


def batch(prompter, seed, families=FAMILIES):
    rng = random.Random(seed)
    scenes = []
    for _ in range(families):
        family = [make_scene(rng)]
        while len(family) < MEMBERS:
            new = change_one_thing(rng, rng.choice(family))
            if caption(new) not in map(caption, family):
                family.append(new)
        scenes += family
    texts = [[BOS] + prompter.encode(article(caption(s))) + [prompter.pad] for s in scenes]
    ids = np.zeros((len(texts), max(map(len, texts))), np.int64)
    for row, text in zip(ids, texts):
        row[:len(text)] = text
    return torch.from_numpy(np.stack([pixels(draw(s)) for s in scenes])), torch.from_numpy(ids)


def score(model, pictures, ids):
    """Logits [N, N] of pictures against captions."""
    image = model.get_image_features(pixel_values=pictures)
    text = model.get_text_features(input_ids=ids)
    return F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T * model.logit_scale.exp().clamp(max=100)


def probe(model, prompter):
    """Share of held-out pictures whose caption wins among all 128, and among its family of four."""
    model.eval()
    with torch.no_grad():
        logits = score(model, *batch(prompter, PROBE_SEED, families=32))
    model.train()
    right = torch.arange(len(logits))
    family = logits.view(32, 4, 32, 4).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
    return ((logits.argmax(1) == right).float().mean().item(),
            (family.argmax(-1) == torch.arange(4)).float().mean().item())


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--steps", type=int, default=2600)
    options.add_argument("--lr", type=float, default=1e-3)
    options.add_argument("--first", type=int, default=0, help="first batch; a later round must not repeat an earlier one's")
    options.add_argument("--again", action="store_true", help="start from vision-base, with a fresh text tower")
    options = options.parse_args()
    torch.manual_seed(1)
    torch.set_flush_denormal(True)
    prompter = Prompter()
    model = make_model(prompter)
    if options.again:
        model.vision_model.load_state_dict(
            CLIPVisionModel.from_pretrained(FOLDER / "vision-base", dtype=torch.float32).vision_model.state_dict())
    optimizer = torch.optim.AdamW(groups(model.parameters(), 0.05), betas=(0.9, 0.98), fused=True)
    log = Log(options.steps, every=50)
    make = lambda step: batch(prompter, TOWER_SEED + options.first + step)
    for step, (pictures, ids) in enumerate(stream(make, options.steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, options.steps, options.lr)
        logits = score(model, pictures, ids)
        right = torch.arange(len(logits))
        loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        log(step, loss=loss.detach(), norm=norm)
        if (step + 1) % 250 == 0 or step + 1 == options.steps:
            print("probe: %.3f of 128, %.3f within families" % probe(model, prompter), flush=True)
            save(model)


def save(model):
    vision = CLIPVisionModel(model.config.vision_config)
    vision.vision_model.load_state_dict(model.vision_model.state_dict())
    vision.to(torch.bfloat16).save_pretrained(FOLDER / "vision-base")


if __name__ == "__main__":
    main()
