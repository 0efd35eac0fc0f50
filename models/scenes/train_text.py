"""Trains the text base: a small LLaMA that has read about this world but never seen it.

Most samples are those of the LLaVA stages with *bags of words* where the picture will stand: nine vectors, one a
cell, each the sum of the embeddings of the words that say what is there (place, ground, and size, colour and shape or
"nothing"), with noise. So the base learns to look up, by a word, in a row of vectors of which each says several things
at once; no picture is seen. The rest are told scenes and sums. Answers alone are supervised, captions whole.

Two rounds: four kinds of question about at most three shapes until looking up has been found, then everything.
"""

import argparse
import random

import torch

from llama import Llama, config
from prompt import FOLDER, Prompter, pad
from stream import BaseOptimizer, Log, rate, stream
from talk import DESCRIBE, NUMBERS, TYPES, article, ask, caption, description, words
from world import PLACES, TEXT_SEED, make_scene

BATCH, BATCHES = 8, 4   # samples in a batch; batches of like length made at a time
PEAK = 2e-3
LOOK_UP = {"where": 2, "what is at": 2, "shape by colour": 2, "colour by shape": 2}
WEIGHT = LOOK_UP | {"extreme": 2, "exists": 1.5, "count by colour": 1.5, "largest": 1, "size": 1, "count by size": 1,
                    "remove a colour": 1, "distinct colours": 0.7, "count all": 0.3, "ground": 0.3, "add one": 0.3}
SYSTEMS = ["human", "user", None, None, None, None]   # mostly none: a short way to the answer


def bags(prompter, scene):
    """The ids of the words of each cell; every word of the world is one piece."""
    things = {t.cell: words(t) for t in scene.things}
    said = [f"{place} {scene.ground} {things.get(cell, 'nothing')}" for cell, place in enumerate(PLACES)]
    return [[prompter.encode("a " + word)[-1] for word in text.split()] for text in said]


def turns_of(rng, scene, weight, count):
    """Up to `count` different questions of the kinds in `weight`."""
    kinds = rng.choices(list(weight), list(weight.values()), k=3 * count)
    return list(dict.fromkeys(turn for turn in (ask(rng, scene, kind) for kind in kinds) if turn))[:count]


def sums(rng):
    a, b = rng.randint(0, 6), rng.randint(0, 6)
    if a + b <= 6 and rng.random() < 0.5:
        return f"How many are {NUMBERS[a]} and {NUMBERS[b]}?", NUMBERS[a + b]
    a, b = max(a, b), min(a, b)
    return f"If {NUMBERS[b]} of {NUMBERS[a]} are removed, how many are left?", NUMBERS[a - b]


def look_up(prompter, seed):
    """ids, labels and bags of a sample of the first round."""
    rng = random.Random(-1 - seed)
    turns = []
    while not turns:
        scene = make_scene(rng, 3)
        turns = turns_of(rng, scene, LOOK_UP, rng.randint(4, 7))
    return *prompter.dialogue(turns, None), bags(prompter, scene)


def sample(prompter, seed, most):
    """ids, labels and bags (or none) of a sample of the second round."""
    rng = random.Random(-1 - seed)
    scene, system, draw = make_scene(rng, most), rng.choice(SYSTEMS), rng.random()
    if draw < 0.10:
        return *prompter.plain(article(caption(scene))), bags(prompter, scene)
    if draw < 0.27:
        turns = [(rng.choice(DESCRIBE), article(description(scene)))] + turns_of(rng, scene, WEIGHT, rng.randint(0, 8))
        return *prompter.dialogue(turns, system), bags(prompter, scene)
    turns = turns_of(rng, scene, WEIGHT, rng.randint(6, 14))
    if draw < 0.68:
        return *prompter.dialogue(turns, system), bags(prompter, scene)
    if draw < 0.96:
        told = article(caption(scene, rng))
        return *prompter.dialogue([(f"{told}\n{turns[0][0]}", turns[0][1])] + turns[1:], system, picture=False), None
    return *prompter.dialogue([sums(rng) for _ in range(rng.randint(3, 8))], system, picture=False), None


def batches(prompter, count, make_sample):
    """`count` batches of ids, labels, bags; `make_sample` takes the number of a sample."""
    def make(index):
        rows = sorted((make_sample(index * BATCH * BATCHES + i) for i in range(BATCH * BATCHES)), key=lambda r: len(r[0]))
        some = [rows[i:i + BATCH] for i in range(0, len(rows), BATCH)]
        random.Random(index).shuffle(some)
        return [(*pad([row[:2] for row in batch], prompter), [row[2] for row in batch if row[2]]) for batch in some]

    made = (batch for some in stream(make, -(-count // BATCHES)) for batch in some)
    return (batch for _, batch in zip(range(count), made))


def embeds(model, prompter, ids, cells, noise=True):
    """Embeddings [B, L, width] with the bags in the picture's places: each scaled by 0.7 to 1.3, with noise of three tenths
    of their size."""
    embedded = model.model.embed_tokens(ids)
    if not cells:
        return embedded
    flat = [cell for scene in cells for cell in scene]
    index = torch.full((len(flat), max(map(len, flat))), prompter.pad)
    for line, cell in zip(index, flat):
        line[:len(cell)] = torch.tensor(cell)
    summed = (model.model.embed_tokens(index) * (index != prompter.pad)[:, :, None]).sum(1)
    if noise:
        size = summed.detach().pow(2).mean().sqrt()
        summed = summed * (torch.rand(len(flat), 1) * 0.6 + 0.7) + torch.randn_like(summed) * size * 0.3
    return embedded.masked_scatter((ids == prompter.image)[:, :, None], summed)


@torch.no_grad()
def probe(model, prompter, each=32):
    """Exact answers by type, with bags. Greedy decoding is exact if and only if every label is the best guess after the
    labels before it, so one forward pass tells."""
    rng = random.Random(TEXT_SEED + 9_000_000)
    exact = {}
    for kind in TYPES:
        rows, cells = [], []
        while len(rows) < each:
            scene = make_scene(rng)
            turn = ask(rng, scene, kind)
            if turn:
                rows.append(prompter.dialogue([turn]))
                cells.append(bags(prompter, scene))
        ids, labels = pad(rows, prompter)
        guess = model.lm_head(model.model(embeds(model, prompter, ids, cells, noise=False))[:, :-1]).argmax(-1)
        exact[kind] = ((guess == labels[:, 1:]) | (labels[:, 1:] < 0)).all(1).float().mean().item()
    print(f"exact {sum(exact.values()) / len(exact):.3f}: " + ", ".join(f"{k} {v:.2f}" for k, v in exact.items()), flush=True)


def train(model, prompter, steps, made, rate_of):
    optimizer, log = BaseOptimizer(model, decay=0.1, decay_rest=0.1), Log(steps)
    for step, (ids, labels, cells) in enumerate(made):
        loss, right = model.loss(embeds(model, prompter, ids, cells), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(rate_of(step))
        log(step, loss=loss.detach(), right=right)
        if (step + 1) % 600 == 0 or step + 1 == steps:
            probe(model, prompter)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--first", type=int, default=1200, help="batches of the first round")
    options.add_argument("--second", type=int, default=3600, help="batches of the second")
    options = options.parse_args()
    torch.manual_seed(2)
    torch.set_flush_denormal(True)
    prompter = Prompter()
    model = Llama(prompter.vocabulary)
    train(model, prompter, options.first, batches(prompter, options.first, lambda i: look_up(prompter, TEXT_SEED + i)),
          lambda step: PEAK * min(1, (step + 1) / 100))
    after = TEXT_SEED + options.first * BATCH
    few = options.second * BATCH // 6    # the first sixth has at most three shapes
    train(model, prompter, options.second, batches(prompter, options.second, lambda i: sample(prompter, after + i, 3 if i < few else 5)),
          lambda step: rate(step, options.second, PEAK))
    save(model, prompter)


def save(model, prompter):
    from transformers import LlamaForCausalLM
    base = LlamaForCausalLM(config(prompter.vocabulary))
    base.load_state_dict(model.state_dict())
    base.to(torch.bfloat16).save_pretrained(FOLDER / "text-base")


if __name__ == "__main__":
    main()
