"""Trains the text base: a small LLaMA that has read about this world but never seen it.

Four in five samples are dialogues in which the human tells the scene as a caption, its parts in any order,
where a picture will stand later; the rest are captions and sums. Answers alone are supervised, captions whole.
"""

import argparse
import random

import torch

from llama import Llama, config
from prompt import BOS, FOLDER, IGNORE, Prompter, pad
from stream import Log, groups, rate, stream
from talk import NUMBERS, article, caption, sample
from world import TEXT_SEED

BATCH, BATCHES = 16, 4   # samples in a batch; batches of like length made at a time


def told(prompter, seed, most):
    """ids and labels of one text-only sample."""
    rng = random.Random(-1 - seed)
    scene, turns = sample(seed, most, described=0.4)
    text = article(caption(scene, rng))
    draw = rng.random()
    if draw < 0.1:
        ids = prompter.encode(text + "\n")
        return [BOS] + ids, [IGNORE] + ids
    system = rng.choice(["human", "human", "user", None])
    if draw < 0.2:
        turns = [sum_of(rng) for _ in range(rng.randint(3, 8))]
    else:
        turns = [(f"{text}\n{turns[0][0]}", turns[0][1])] + turns[1:]
    return prompter.dialogue(turns, system, picture=False)


def sum_of(rng):
    a, b = rng.randint(0, 6), rng.randint(0, 6)
    if a + b <= 6 and rng.random() < 0.5:
        return f"How many are {NUMBERS[a]} and {NUMBERS[b]}?", NUMBERS[a + b]
    a, b = max(a, b), min(a, b)
    return f"If {NUMBERS[b]} of {NUMBERS[a]} are removed, how many are left?", NUMBERS[a - b]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--steps", type=int, default=1800)
    options.add_argument("--lr", type=float, default=1.5e-3)
    options = options.parse_args()
    torch.manual_seed(2)
    torch.set_flush_denormal(True)
    prompter = Prompter()
    model = Llama(prompter.vocabulary)
    optimizer = torch.optim.AdamW(groups(model.parameters(), 0.05), betas=(0.9, 0.98), fused=True)
    log = Log(options.steps, every=50)

    def make(index):
        most = 3 if index * BATCHES < options.steps // 6 else 5
        first = TEXT_SEED + index * BATCH * BATCHES
        rows = sorted((told(prompter, first + i, most) for i in range(BATCH * BATCHES)), key=lambda r: len(r[0]))
        rows = [pad(rows[i:i + BATCH], prompter) for i in range(0, len(rows), BATCH)]
        random.Random(index).shuffle(rows)
        return rows

    batches = (b for some in stream(make, -(-options.steps // BATCHES)) for b in some)
    for step, (ids, labels) in zip(range(options.steps), batches):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, options.steps, options.lr)
        loss, right = model.loss(model.model.embed_tokens(ids), labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        log(step, loss=loss.detach(), right=right)
        if (step + 1) % 200 == 0 or step + 1 == options.steps:
            save(model, prompter)


def save(model, prompter):
    from transformers import LlamaForCausalLM
    base = LlamaForCausalLM(config(prompter.vocabulary))
    base.load_state_dict(model.state_dict())
    base.to(torch.bfloat16).save_pretrained(FOLDER / "text-base")


if __name__ == "__main__":
    main()
