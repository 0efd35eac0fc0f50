#!/usr/bin/env python3
"""What transformers and torch's AdamW make of a few training steps: losses of both stages and the gradients of the first.

    ~/.cache/libllava/oracle-venv/bin/python tests/golden/training/make.py

Packages as for tests/golden/model/make.py. Models are the tiny ones that other goldens use: `tiny` (f32; grouped keys, an
untied head) and `hf_mistral` (weights in f16, sliding window of 7 positions), computed in f32, eager attention.

A step has two micro-batches of three samples, of no, one or two pictures. A micro-batch's loss is transformers' own (the mean
over its supervised tokens); a step's loss and gradient are the mean over its micro-batches. AdamW has torch's defaults but for
weight decay 0; the rate follows transformers' cosine with two warm-up steps of ten. Stage 1 trains the projector, stage 2
projector and language model, from the same start.

<model>.safetensors: ids, lengths, learned (samples one after the other, -200 where a picture stands), images (pictures of each
sample), pixels; stage1.losses, stage2.losses (f64, ten steps each); stage<N>.gradient.<name> of the first step.
"""

import pathlib

import numpy
import torch
from safetensors.torch import save_file
from transformers import LlavaForConditionalGeneration, get_cosine_schedule_with_warmup

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parents[1]
MODELS = {"tiny": TESTS / "golden" / "model" / "tiny", "hf_mistral": TESTS / "checkpoints" / "golden" / "hf_mistral"}
PLACE, STEPS, LEAVES, SAMPLES = -200, 10, 2, 3
RATE = {1: 2e-3, 2: 5e-4}


def samples_of(config, seed):
    """Twelve samples: lists of (id, learned), and how many pictures each has."""
    rng = numpy.random.default_rng(seed)
    samples = []
    for index in range(12):
        images = [1, 0, 2, 1][index % 4]
        row = [(1, 0)]
        for part in range(max(images, 1) + 1):
            row += [(int(i), 0) for i in rng.integers(3, 290, rng.integers(1, 6))]
            if part < images:
                row.append((PLACE, 0))
                row += [(int(rng.integers(3, 290)), 0)]
            row += [(int(i), 1) for i in rng.integers(3, 290, rng.integers(1, 7))]
        row.append((2, 1))
        samples.append((row, images))
    return samples


def batch_of(some, pixels, firsts, config):
    """input_ids with a token for every picture row, right padded, as transformers wants them."""
    patches = (config.vision_config.image_size // config.vision_config.patch_size) ** 2
    rows, labels, used = [], [], []
    for index, (row, images) in some:
        ids, wanted = [], []
        for token, learned in row:
            ids += [config.image_token_id] * patches if token == PLACE else [token]
            wanted += [-100] * patches if token == PLACE else [token if learned else -100]
        rows.append(ids)
        labels.append(wanted)
        used += range(firsts[index], firsts[index] + images)
    longest = max(map(len, rows))
    pad = lambda lists, value: torch.tensor([r + [value] * (longest - len(r)) for r in lists])  # noqa: E731
    return dict(input_ids=pad(rows, 0), attention_mask=pad([[1] * len(r) for r in rows], 0), labels=pad(labels, -100),
                pixel_values=pixels[used] if used else None)


def learns(name, stage):
    return "multi_modal_projector" in name or (stage == 2 and "vision_tower" not in name)


def train(folder, stage, samples, pixels, firsts):
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(learns(name, stage))
    learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(learning.values(), lr=RATE[stage], weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, 2, STEPS)
    losses, gradients = [], {}
    for step in range(STEPS):
        loss = 0.0
        optimizer.zero_grad()
        for leaf in range(LEAVES):
            first = (step * LEAVES + leaf) * SAMPLES
            some = [(i % len(samples), samples[i % len(samples)]) for i in range(first, first + SAMPLES)]
            part = model(**batch_of(some, pixels, firsts, model.config)).loss / LEAVES
            part.backward()
            loss += part.item()
        if step == 0:
            gradients = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in learning.items()}
        optimizer.step()
        schedule.step()
        losses.append(loss)
    return losses, gradients


def published(name):
    """The name that the file gives to a parameter: transformers >= 4.52 calls it otherwise in memory."""
    for inside, outside in (("model.language_model.", "language_model.model."), ("model.vision_tower.", "vision_tower."),
                            ("model.multi_modal_projector.", "multi_modal_projector."),
                            ("lm_head.", "language_model.lm_head.")):
        if name.startswith(inside):
            return outside + name[len(inside):]
    raise ValueError(name)


def make(name, folder, seed):
    config = LlavaForConditionalGeneration.from_pretrained(folder).config
    samples = samples_of(config, seed)
    counts = [images for _, images in samples]
    firsts = numpy.cumsum([0, *counts])[:-1].tolist()
    size = config.vision_config.image_size
    pixels = torch.from_numpy(numpy.random.default_rng([seed, 2]).standard_normal((sum(counts), 3, size, size)).astype("f4"))
    saved = {
        "ids": torch.tensor([i for row, _ in samples for i, _ in row]),
        "learned": torch.tensor([l for row, _ in samples for _, l in row]),
        "lengths": torch.tensor([len(row) for row, _ in samples]),
        "images": torch.tensor(counts),
        "pixels": pixels,
    }
    for stage in (1, 2):
        losses, gradients = train(folder, stage, samples, pixels, firsts)
        print(name, "stage", stage, losses)
        saved[f"stage{stage}.losses"] = torch.tensor(losses, dtype=torch.float64)
        if stage == 2 and name != "tiny":
            continue  # one set of all gradients is enough
        for parameter, gradient in gradients.items():
            saved[f"stage{stage}.gradient.{published(parameter)}"] = gradient.contiguous()
    save_file(saved, HERE / f"{name}.safetensors")


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for seed, (name, folder) in enumerate(MODELS.items(), 1):
        make(name, folder, seed)


if __name__ == "__main__":
    main()
