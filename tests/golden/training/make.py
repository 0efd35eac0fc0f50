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

tiny_recipes.safetensors, on tiny's samples:

    decay.stage<N>   weight decay 0.5 for everything but norms and biases, and torch.nn.utils.clip_grad_norm_ at a norm that most
                     steps exceed and some do not: losses, norms (before clipping, f64) and after.<name>, every THIN-th number of
                     each parameter after ten steps (small ones whole)
    bf16.stage<N>    the recipe of the losses above, and what learns is rounded to bf16 before each step: sums and products stay f32,
                     and so do the numbers that AdamW changes. losses
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
DECAY, CLIP = 0.5, {1: 3.3, 2: 7.65}
THIN, SMALL = 13, 2048


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


def decays(name):
    return not name.endswith("bias") and "norm" not in name


class Training:
    """A stage of a model: `decay` of what decays, gradients clipped to the norm `clip`, 0 for none, and with `bf16` a model that
    has the optimizer's numbers rounded."""

    def __init__(self, folder, stage, decay=0.0, clip=0.0, bf16=False):
        model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        self.model, self.clip = model.train(), clip
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(learns(name, stage))
        self.learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.masters = {n: p.detach().clone().requires_grad_() for n, p in self.learning.items()} if bf16 else None
        numbers = self.masters or self.learning
        groups = [dict(params=[p for n, p in numbers.items() if decays(n) == which], weight_decay=decay if which else 0.0)
                  for which in (True, False)]
        self.optimizer = torch.optim.AdamW(groups, lr=RATE[stage])
        self.schedule = get_cosine_schedule_with_warmup(self.optimizer, 2, STEPS)

    def step(self, leaves):
        """Loss and norm of the gradient; the gradient itself, before clipping, stays in `gradients`."""
        if self.masters:
            for name, parameter in self.learning.items():
                parameter.data.copy_(self.masters[name].data.bfloat16().float())
        self.model.zero_grad()
        loss = 0.0
        for leaf in leaves:
            part = self.model(**leaf).loss / len(leaves)
            part.backward()
            loss += part.item()
        self.gradients = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in self.learning.items()}
        norm = torch.nn.utils.clip_grad_norm_(self.learning.values(), self.clip or float("inf")).item()
        for name, master in (self.masters or {}).items():
            master.grad = self.learning[name].grad.clone()
        self.optimizer.step()
        self.schedule.step()
        return loss, norm


def leaves_of(step, samples, pixels, firsts, config):
    for leaf in range(LEAVES):
        first = (step * LEAVES + leaf) * SAMPLES
        some = [(i % len(samples), samples[i % len(samples)]) for i in range(first, first + SAMPLES)]
        yield batch_of(some, pixels, firsts, config)


def train(training, data):
    """Losses and norms of ten steps, and the gradients of the first."""
    done, gradients = [], {}
    for step in range(STEPS):
        done.append(training.step(list(leaves_of(step, *data))))
        if step == 0:
            gradients = training.gradients
    losses, norms = zip(*done)
    return losses, norms, gradients


def published(name):
    """The name that the file gives to a parameter: transformers >= 4.52 calls it otherwise in memory."""
    for inside, outside in (("model.language_model.", "language_model.model."), ("model.vision_tower.", "vision_tower."),
                            ("model.multi_modal_projector.", "multi_modal_projector."),
                            ("lm_head.", "language_model.lm_head.")):
        if name.startswith(inside):
            return outside + name[len(inside):]
    raise ValueError(name)


def thin(tensor):
    flat = tensor.detach().flatten()
    return (flat if len(flat) <= SMALL else flat[::THIN]).clone()


def make_recipes(folder, data):
    saved = {}
    for stage in (1, 2):
        training = Training(folder, stage, DECAY, CLIP[stage])
        losses, norms, _ = train(training, data)
        print("decay and clipping, stage", stage, losses, "norms", norms)
        assert 0 < sum(norm > CLIP[stage] for norm in norms) < STEPS
        saved[f"decay.stage{stage}.losses"] = torch.tensor(losses, dtype=torch.float64)
        saved[f"decay.stage{stage}.norms"] = torch.tensor(norms, dtype=torch.float64)
        saved[f"decay.stage{stage}.clip"] = torch.tensor([CLIP[stage]], dtype=torch.float64)
        for name, parameter in training.learning.items():
            saved[f"decay.stage{stage}.after.{published(name)}"] = thin(parameter)
        losses, *_ = train(Training(folder, stage, bf16=True), data)
        print("bf16, stage", stage, losses)
        saved[f"bf16.stage{stage}.losses"] = torch.tensor(losses, dtype=torch.float64)
    save_file(saved, HERE / "tiny_recipes.safetensors")


def make(name, folder, seed):
    config = LlavaForConditionalGeneration.from_pretrained(folder).config
    samples = samples_of(config, seed)
    counts = [images for _, images in samples]
    firsts = numpy.cumsum([0, *counts])[:-1].tolist()
    size = config.vision_config.image_size
    pixels = torch.from_numpy(numpy.random.default_rng([seed, 2]).standard_normal((sum(counts), 3, size, size)).astype("f4"))
    data = samples, pixels, firsts, config
    saved = {
        "ids": torch.tensor([i for row, _ in samples for i, _ in row]),
        "learned": torch.tensor([l for row, _ in samples for _, l in row]),
        "lengths": torch.tensor([len(row) for row, _ in samples]),
        "images": torch.tensor(counts),
        "pixels": pixels,
    }
    for stage in (1, 2):
        losses, _, gradients = train(Training(folder, stage), data)
        print(name, "stage", stage, losses)
        saved[f"stage{stage}.losses"] = torch.tensor(losses, dtype=torch.float64)
        if stage == 2 and name != "tiny":
            continue  # one set of all gradients is enough
        for parameter, gradient in gradients.items():
            saved[f"stage{stage}.gradient.{published(parameter)}"] = gradient.contiguous()
    save_file(saved, HERE / f"{name}.safetensors")
    if name == "tiny":
        make_recipes(folder, data)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for seed, (name, folder) in enumerate(MODELS.items(), 1):
        make(name, folder, seed)


if __name__ == "__main__":
    main()
