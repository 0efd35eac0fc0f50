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
from stream import BaseOptimizer, Log, rate, stream
from talk import article, caption
from world import TOWER_SEED, change_one_thing, make_scene

FAMILIES, MEMBERS = 16, 4
POSITIONS_STD = 2.0
PROBE_SEED = 9_000_000   # of the tower's range; pictures for its own held-out score

VISION = dict(hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, patch_size=28,
              image_size=84, projection_dim=128, hidden_act="quick_gelu")


def make_model(prompter):
    text = dict(hidden_size=128, intermediate_size=512, num_hidden_layers=3, num_attention_heads=4,
                vocab_size=prompter.vocabulary, max_position_embeddings=80, projection_dim=128,
                bos_token_id=BOS, eos_token_id=prompter.pad, pad_token_id=0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=VISION, projection_dim=128,
                                 attn_implementation="sdpa"))
    # As large as what the patches give. At transformers' 0.02 they drown in it: after 500 steps a patch's features
    # told shape, colour and size without an error, and its place not at all; at 0.7, and decaying, place was learnt
    # and lost again. For the same reason nothing but the matrices of the layers decays.
    torch.nn.init.normal_(model.vision_model.embeddings.position_embedding.weight, std=POSITIONS_STD)
    return model


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
    options.add_argument("--steps", type=int, default=2000)
    options.add_argument("--lr", type=float, default=2e-3)
    options = options.parse_args()
    torch.manual_seed(1)
    torch.set_flush_denormal(True)
    prompter = Prompter()
    model = make_model(prompter)
    optimizer = BaseOptimizer(model, decay_rest=0.0)
    log = Log(options.steps, every=50)
    make = lambda step: batch(prompter, TOWER_SEED + step)
    for step, (pictures, ids) in enumerate(stream(make, options.steps)):
        logits = score(model, pictures, ids)
        right = torch.arange(len(logits))
        loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(rate(step, options.steps, options.lr))
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
