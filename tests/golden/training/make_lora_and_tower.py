#!/usr/bin/env python3
"""What torch makes of a few training steps with LoRA beside the language model, and with a vision tower that learns.

    ~/.cache/libllava/oracle-venv/bin/python tests/golden/training/make_lora_and_tower.py

Model, samples and steps are those of make.py (`tiny`), which is to be run first: the samples are not written again.

LoRA by PEFT's formula, y + alpha / rank * B(A(dropout(x))), on q, k, v, o, gate, up and down of every block; the base is
frozen, the projector learns beside it at a rate of its own. A and B start from random numbers (B too, or A's first gradient
would be zero). Dropout's masks are the library's: Philox4x32-10 (Salmon et al. 2011), keyed by seed, step, micro-batch, block
and target, one word an element, counted over the rows of the micro-batch without padding. Without dropout it is computed as
well, with rsLoRA's scale.

The tower: everything learns, the tower at a rate of its own.

tiny_lora.safetensors   start.<module>.lora_A|B; plain.losses, dropout.losses (f64); plain.gradient.…, dropout.gradient.… of
                        the first step, for matrices and projector; gradients computed in f64, stored as f32
tiny_tower.safetensors  losses; gradient.<name> of the tower in the first step, likewise
"""

import copy
import math

import numpy
import torch
from safetensors.torch import save_file
from transformers import LlavaForConditionalGeneration, get_cosine_schedule_with_warmup

from make import HERE, LEAVES, MODELS, SAMPLES, STEPS, batch_of, published, samples_of

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RANK, ALPHA, DROPOUT, SEED = 3, 5.0, 0.25, 0x123456789ABCDEF
LORA_RATE, PROJECTOR_RATE = 2e-3, 5e-4
WHOLE_RATE, TOWER_RATE = 5e-4, 2e-4
MASK32 = numpy.uint64(0xFFFFFFFF)


def philox(counters, key):
    """Ten rounds of Philox4x32: counters uint32 [n, 4], key two numbers -> uint32 [n, 4]."""
    c = [counters[:, i].astype("u8") for i in range(4)]
    k = [numpy.uint64(key[0]), numpy.uint64(key[1])]
    for _ in range(10):
        first, second = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
        high = lambda x: x >> numpy.uint64(32)  # noqa: E731
        c = [high(second) ^ c[1] ^ k[0], second & MASK32, high(first) ^ c[3] ^ k[1], first & MASK32]
        k = [(k[0] + numpy.uint64(0x9E3779B9)) & MASK32, (k[1] + numpy.uint64(0xBB67AE85)) & MASK32]
    return numpy.stack(c, 1).astype("u4")


def mask_of(rows, width, step, leaf, layer, target):
    key = philox(numpy.array([[step, leaf, layer, target]], "u4"), (SEED & 0xFFFFFFFF, SEED >> 32))[0, :2]
    blocks = (rows * width + 3) // 4
    counters = numpy.zeros((blocks, 4), "u4")
    counters[:, 0] = numpy.arange(blocks)
    words = philox(counters, key).reshape(-1)[:rows * width].reshape(rows, width)
    kept = words >= numpy.uint32(DROPOUT * 2**32)
    return torch.from_numpy(kept.astype("f4")) * torch.tensor(1 / (1 - DROPOUT), dtype=torch.float32)


class Place:
    """Which micro-batch is on its way: what the masks depend on."""

    step = leaf = 0
    lengths = ()


class Lora(torch.nn.Module):
    def __init__(self, base, start, scale, layer, target, dropout):
        super().__init__()
        self.base, self.scale, self.layer, self.target, self.dropout = base, scale, layer, target, dropout
        self.lora_A = torch.nn.Parameter(start[0].clone())
        self.lora_B = torch.nn.Parameter(start[1].clone())

    def forward(self, x):
        inside = x
        if self.dropout:
            mask = mask_of(sum(Place.lengths), x.shape[-1], Place.step, Place.leaf, self.layer, self.target)
            padded = torch.ones(x.shape, dtype=x.dtype)
            begin = 0
            for row, length in enumerate(Place.lengths):
                padded[row, :length] = mask[begin:begin + length]
                begin += length
            inside = x * padded
        return self.base(x) + (inside @ self.lora_A.T @ self.lora_B.T) * self.scale


def starts_of(model, seed):
    """{module: (A, B)} for every target, by names as they are in memory."""
    generator = torch.Generator().manual_seed(seed)
    starts = {}
    for name, module in model.named_modules():
        if "language_model" not in name or name.split(".")[-1] not in TARGETS:
            continue
        bound = 1 / math.sqrt(module.in_features)
        down = (torch.rand(RANK, module.in_features, generator=generator) * 2 - 1) * bound
        starts[name] = (down, torch.randn(module.out_features, RANK, generator=generator) * 0.05)
    return starts


def first_gradients(model, samples, pixels, firsts):
    """In f64: what rounding does to a gradient of f32 would otherwise be counted twice, torch's and ours."""
    exact = copy.deepcopy(model).double()
    for leaf in range(LEAVES):
        some = [(i % len(samples), samples[i % len(samples)]) for i in range(leaf * SAMPLES, (leaf + 1) * SAMPLES)]
        batch = batch_of(some, pixels.double(), firsts, model.config)
        Place.step, Place.leaf, Place.lengths = 0, leaf, batch["attention_mask"].sum(1).tolist()
        (exact(**batch).loss / LEAVES).backward()
    return {n: p.grad.float() for n, p in exact.named_parameters() if p.requires_grad and p.grad is not None}


def steps_of(model, groups, samples, pixels, firsts):
    """Ten losses in f32, and the gradients of the first step."""
    gradients = first_gradients(model, samples, pixels, firsts)
    optimizer = torch.optim.AdamW(groups, lr=groups[0]["lr"], weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, 2, STEPS)
    losses = []
    for step in range(STEPS):
        loss = 0.0
        optimizer.zero_grad()
        for leaf in range(LEAVES):
            first = (step * LEAVES + leaf) * SAMPLES
            some = [(i % len(samples), samples[i % len(samples)]) for i in range(first, first + SAMPLES)]
            batch = batch_of(some, pixels, firsts, model.config)
            Place.step, Place.leaf, Place.lengths = step, leaf, batch["attention_mask"].sum(1).tolist()
            part = model(**batch).loss / LEAVES
            part.backward()
            loss += part.item()
        optimizer.step()
        schedule.step()
        losses.append(loss)
    return losses, gradients


def opened(folder):
    return LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").train()


def make_lora(folder, samples, pixels, firsts):
    starts = starts_of(opened(folder), 11)
    saved = {}
    for name, (down, up) in starts.items():
        module = published(name)
        saved[f"start.{module}.lora_A"], saved[f"start.{module}.lora_B"] = down, up
    for variant, dropout, scale in (("plain", 0, ALPHA / math.sqrt(RANK)), ("dropout", DROPOUT, ALPHA / RANK)):
        model = opened(folder)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        for name, start in starts.items():
            parent, target = name.rsplit(".", 1)
            layer = int(parent.split("layers.")[1].split(".")[0])
            holder = model.get_submodule(parent)
            setattr(holder, target, Lora(getattr(holder, target), start, scale, layer, TARGETS.index(target), dropout))
        projector = [p for n, p in model.named_parameters() if "multi_modal_projector" in n]
        for parameter in projector:
            parameter.requires_grad_(True)
        lora = [p for n, p in model.named_parameters() if "lora_" in n]
        groups = [{"params": lora, "lr": LORA_RATE}, {"params": projector, "lr": PROJECTOR_RATE}]
        losses, gradients = steps_of(model, groups, samples, pixels, firsts)
        print("lora", variant, losses)
        saved[f"{variant}.losses"] = torch.tensor(losses, dtype=torch.float64)
        for name, gradient in gradients.items():
            saved[f"{variant}.gradient.{published(name)}"] = gradient.contiguous()
    save_file(saved, HERE / "tiny_lora.safetensors")


def make_tower(folder, samples, pixels, firsts):
    model = opened(folder)
    tower = [p for n, p in model.named_parameters() if "vision_tower" in n]
    rest = [p for n, p in model.named_parameters() if "vision_tower" not in n]
    groups = [{"params": rest, "lr": WHOLE_RATE}, {"params": tower, "lr": TOWER_RATE}]
    losses, gradients = steps_of(model, groups, samples, pixels, firsts)
    print("tower", losses)
    saved = {"losses": torch.tensor(losses, dtype=torch.float64)}
    for name, gradient in gradients.items():
        if "vision_tower" in name:
            saved[f"gradient.{published(name)}"] = gradient.contiguous()
    save_file(saved, HERE / "tiny_tower.safetensors")


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    folder = MODELS["tiny"]
    config = LlavaForConditionalGeneration.from_pretrained(folder).config
    samples = samples_of(config, 1)
    counts = [images for _, images in samples]
    firsts = numpy.cumsum([0, *counts])[:-1].tolist()
    size = config.vision_config.image_size
    pixels = torch.from_numpy(numpy.random.default_rng([1, 2]).standard_normal((sum(counts), 3, size, size)).astype("f4"))
    make_lora(folder, samples, pixels, firsts)
    make_tower(folder, samples, pixels, firsts)


if __name__ == "__main__":
    main()
