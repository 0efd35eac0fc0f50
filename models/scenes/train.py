"""Visual instruction tuning in the paper's two stages, on fresh pictures of this world.

Stage 1 trains the projector alone, on captions in the plain format. Stage 2 trains projector and language
model on dialogues; the vision tower stays frozen throughout. AdamW, cosine with warm-up, no weight decay.
Checkpoints go to --work; `export.py` makes the model directory from one.

    python train.py --stage 1
    python train.py --stage 2                               # from stage 1's checkpoint
    python train.py --stage 2 --start CHECKPOINT --first N  # a further round: fresh moments, fresh dialogues
"""

import argparse
import pathlib
import random
import time

import numpy as np
import torch
from torch import nn
from transformers import CLIPVisionModel, LlamaForCausalLM

from draw import draw, pixels
from llama import WIDTH, Llama
from prompt import FOLDER, Prompter, pad
from stream import Log, groups, rate, stream
from talk import TYPES, article, ask, caption, sample
from train_text import told
from world import STAGE1_SEED, STAGE2_SEED, make_scene, scene_of

BATCH, BATCHES = 16, 4           # dialogues in a batch; batches of like length made at a time
EASY = 20_000                    # the first dialogues of stage 2 show at most three shapes
PROBE_SEED = STAGE2_SEED + 9_000_000
WORK = FOLDER.parents[1] / ".cache" / "scenes"


class Projector(nn.Module):
    """linear_2(gelu(linear_1(x))), trained on whitened features: x counts as (x - centre) @ whitening.

    The tower's features are far from round: the variance along the longest direction is 1 500, along the
    thirty-third 0.2. A step of AdamW on raw features shakes the long ones before it moves the short ones.
    `folded` gives the same function as two plain layers."""

    def __init__(self, width):
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(width, WIDTH), nn.Linear(WIDTH, WIDTH)
        nn.init.normal_(self.linear_1.weight, std=width ** -0.5)
        nn.init.normal_(self.linear_2.weight, std=0.02)
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("whitening", torch.eye(width))

    def forward(self, features):
        whitened = (features - self.centre) @ self.whitening
        return self.linear_2(nn.functional.gelu(self.linear_1(whitened)))

    def measure(self, features):
        """Takes centre and whitening from features [N, width]."""
        self.centre.copy_(features.mean(0))
        around = features - self.centre
        values, vectors = torch.linalg.eigh(around.T @ around / len(around))
        self.whitening.copy_(vectors @ torch.diag((values + 0.03) ** -0.5) @ vectors.T)

    def folded(self):
        """The four plain tensors in bfloat16; the bias makes up for the rounding of the weight at the centre."""
        weight = (self.linear_1.weight @ self.whitening.T).bfloat16()
        bias = self.linear_1.bias - weight.float() @ self.centre
        return {"linear_1.weight": weight, "linear_1.bias": bias.bfloat16(),
                "linear_2.weight": self.linear_2.weight.bfloat16(), "linear_2.bias": self.linear_2.bias.bfloat16()}


class Llava(nn.Module):
    """Tower, projector and language model; `loss` is that of the answers."""

    def __init__(self, prompter):
        super().__init__()
        self.image = prompter.image
        self.vision = CLIPVisionModel.from_pretrained(FOLDER / "vision-base", dtype=torch.float32).vision_model
        self.vision.encoder.layers = self.vision.encoder.layers[:-1]    # feature layer -2: the last is not needed
        self.vision.requires_grad_(False).eval()
        self.projector = Projector(self.vision.config.hidden_size)
        self.language = Llama(prompter.vocabulary)

    def load_text_base(self):
        base = LlamaForCausalLM.from_pretrained(FOLDER / "text-base", dtype=torch.float32)
        self.language.load_state_dict(base.state_dict())

    @torch.no_grad()
    def features(self, pictures):
        hidden = self.vision.pre_layrnorm(self.vision.embeddings(pictures))
        return self.vision.encoder(inputs_embeds=hidden).last_hidden_state[:, 1:]

    def embeds(self, ids, pictures):
        embeds = self.language.model.embed_tokens(ids)
        return embeds.masked_scatter((ids == self.image)[:, :, None], self.projector(self.features(pictures)))

    def loss(self, ids, labels, pictures):
        return self.language.loss(self.embeds(ids, pictures), labels)


def captioned(prompter, seed):
    scene, _ = sample(seed)
    return prompter.plain(article(caption(scene))), scene


def conversed(prompter, seed, most):
    """A dialogue about a picture, or in 4 of 100 about a told scene; 65 of 100 systems say "human", 6 are empty."""
    rng = random.Random(-1 - seed)
    if rng.random() < 0.04:
        return told(prompter, seed, most), None
    scene, turns = sample(seed, most)
    system = rng.choices(["human", "user", None], [65, 29, 6])[0]
    return prompter.dialogue(turns, system), scene


def batches(prompter, stage, steps, first_of_all):
    def make(index):
        first = first_of_all + index * BATCH * BATCHES
        if stage == 1:
            made = [captioned(prompter, STAGE1_SEED + first + i) for i in range(BATCH * BATCHES)]
        else:
            most = 3 if first < EASY else 5
            made = [conversed(prompter, STAGE2_SEED + first + i, most) for i in range(BATCH * BATCHES)]
        made.sort(key=lambda m: len(m[0][0]))
        result = []
        for i in range(0, len(made), BATCH):
            some = made[i:i + BATCH]
            seen = np.stack([pixels(draw(scene)) for _, scene in some if scene])
            result.append((*pad([row for row, _ in some], prompter), torch.from_numpy(seen)))
        random.Random(index).shuffle(result)
        return result

    return (b for some in stream(make, -(-steps // BATCHES)) for b in some)


def probe_set(prompter, each=32):
    """Single questions about unseen pictures, in equal shares of the types, and the pictures of other scenes."""
    rng = random.Random(PROBE_SEED)
    rows, pictures, kinds = [], [], []
    for kind in list(TYPES) * each:
        turn = None
        while not turn:
            scene = make_scene(rng)
            turn = ask(rng, scene, kind)
        rows.append(prompter.dialogue([turn]))
        pictures.append(pixels(draw(scene)))
        kinds.append(kind)
    return *pad(rows, prompter), torch.from_numpy(np.stack(pictures)), kinds


@torch.no_grad()
def probe(model, ids, labels, pictures, kinds):
    """Exact answers by type. Greedy decoding is exact if and only if every label is the best guess after the
    labels before it, so one forward pass tells."""
    right = []
    for some in torch.arange(len(ids)).split(32):
        hidden = model.language.model(model.embeds(ids[some], pictures[some]))[:, :-1]
        wanted = labels[some, 1:]
        guess = model.language.lm_head(hidden).argmax(-1)
        right += ((guess == wanted) | (wanted < 0)).all(1).tolist()
    return {kind: sum(r for r, k in zip(right, kinds) if k == kind) / kinds.count(kind) for kind in TYPES}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--stage", type=int, required=True, choices=(1, 2))
    options.add_argument("--steps", type=int)
    options.add_argument("--constant", action="store_true", help="no cosine: the rate stays after the warm-up")
    options.add_argument("--lr", type=float)
    options.add_argument("--start", help="checkpoint to start from; default: text base, or stage 1's")
    options.add_argument("--first", type=int, default=0, help="first dialogue; a later round must not repeat an earlier one's")
    options.add_argument("--work", type=pathlib.Path, default=WORK)
    options = options.parse_args()
    stage = options.stage
    steps = options.steps or (300, 9500)[stage - 1]
    peak = options.lr or (2e-3, 1e-3)[stage - 1]
    options.work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(2 + stage)
    torch.set_flush_denormal(True)
    prompter = Prompter()
    model = Llava(prompter)
    if stage == 1:
        model.load_text_base()
        if options.start:
            model.language.load_state_dict({n[9:]: w for n, w in torch.load(options.start).items() if n.startswith("language.")})
        model.language.requires_grad_(False)
        some = [pixels(draw(scene_of(STAGE1_SEED + 5_000_000 + i))) for i in range(500)]
        model.projector.measure(model.features(torch.from_numpy(np.stack(some))).flatten(0, 1))
    else:
        model.load_state_dict(torch.load(options.start or options.work / "stage1.pt"))
    optimizer = torch.optim.AdamW(groups([p for p in model.parameters() if p.requires_grad], 0.0),
                                  betas=(0.9, 0.98), fused=True)
    unseen = probe_set(prompter)
    log, saved = Log(steps), time.time()
    for step, batch in zip(range(steps), batches(prompter, stage, steps, options.first)):
        now = peak * min(1, (step + 1) / 100) if options.constant else rate(step, steps, peak)
        for group in optimizer.param_groups:
            group["lr"] = now
        loss, right = model.loss(*batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        log(step, loss=loss.detach(), right=right)
        if (step + 1) % 500 == 0:
            report(probe(model, *unseen))
        if time.time() - saved > 300:
            save(model, options.work / f"stage{stage}.pt")
            saved = time.time()
    save(model, options.work / f"stage{stage}.pt")
    report(probe(model, *unseen))


def save(model, path):
    torch.save(model.state_dict(), path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def report(exact):
    print(f"exact {sum(exact.values()) / len(exact):.3f}: " + ", ".join(f"{k} {v:.2f}" for k, v in exact.items()), flush=True)


if __name__ == "__main__":
    main()
