"""Measures the model directory with transformers on the held-out set: exact answers by type, with the right
picture, a wrong one and a blank one, and whole descriptions.

An answer counts when it equals the expected one after trimming and lower-casing. Decoding is greedy, one
question per dialogue, in the llava_v1 format.

    python evaluate.py [--model DIR] [--dtype float32] [--json figures.json]
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
from PIL import Image
from transformers import CLIPImageProcessor, LlavaForConditionalGeneration

from prompt import FOLDER, Prompter

HELDOUT = FOLDER / "heldout"
BLANK = Image.new("RGB", (336, 336), (255, 255, 255))


class Answerer:
    def __init__(self, model, dtype, system):
        self.model = LlavaForConditionalGeneration.from_pretrained(model, dtype=getattr(torch, dtype)).eval()
        self.processor = CLIPImageProcessor.from_pretrained(model)
        self.prompter = Prompter()
        self.system = system

    @torch.no_grad()
    def __call__(self, questions, images, batch=20):
        answers = []
        for i in range(0, len(questions), batch):
            rows = [self.prompter.dialogue([(q, None)], self.system)[0] for q in questions[i:i + batch]]
            length = max(map(len, rows))
            ids = np.full((len(rows), length), self.prompter.pad)
            for line, row in zip(ids, rows):
                line[length - len(row):] = row
            ids = torch.from_numpy(ids)
            pixels = self.processor(images[i:i + batch], return_tensors="pt").pixel_values.to(self.model.dtype)
            out = self.model.generate(input_ids=ids, attention_mask=(ids != self.prompter.pad).long(), pixel_values=pixels,
                                      max_new_tokens=128)
            answers += [self.prompter.pieces.decode([t for t in row.tolist() if 2 < t < self.prompter.image])
                        for row in out[:, length:]]
        return answers


def same(answer, expected):
    return answer.strip().lower() == expected.strip().lower()


def read(name):
    return [json.loads(line) for line in (HELDOUT / f"{name}.jsonl").read_text().splitlines()]


def share(rows, answers):
    return sum(same(a, r["answer"]) for r, a in zip(rows, answers)) / len(rows)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", type=pathlib.Path, default=FOLDER, help="another model of this world, as stage 1 leaves it")
    options.add_argument("--dtype", default="float32", help="arithmetic; the stored weights are bfloat16")
    options.add_argument("--system", default="human", choices=("human", "user", "none"))
    options.add_argument("--json", help="also write the figures to this file")
    options.add_argument("--wrong", action="store_true", help="list the wrong answers")
    options = options.parse_args()
    start = time.time()
    answerer = Answerer(options.model, options.dtype, None if options.system == "none" else options.system)
    rows, whole = read("questions"), read("descriptions")
    picture = {name: Image.open(HELDOUT / name) for r in rows + whole for name in (r["picture"], r["wrong_picture"])}

    def ask(rows, images):
        return answerer([r["question"] for r in rows], images)

    answers = ask(rows, [picture[r["picture"]] for r in rows])
    kinds = sorted({r["type"] for r in rows})
    of = {k: [i for i, r in enumerate(rows) if r["type"] == k] for k in kinds}
    figures = {
        "types": {k: share([rows[i] for i in of[k]], [answers[i] for i in of[k]]) for k in kinds},
        "all": share(rows, answers),
        "wrong picture": share(rows, ask(rows, [picture[r["wrong_picture"]] for r in rows])),
        "blank picture": share(rows, ask(rows, [BLANK] * len(rows))),
        "descriptions": share(whole, ask(whole, [picture[r["picture"]] for r in whole])),
        "descriptions, wrong picture": share(whole, ask(whole, [picture[r["wrong_picture"]] for r in whole])),
    }
    for name, value in (figures["types"] | {k: v for k, v in figures.items() if k != "types"}).items():
        print(f"{name:30s} {value:.3f}")
    print(f"{len(rows)} questions, {len(whole)} descriptions, {time.time() - start:.0f} s")
    if options.wrong:
        for row, answer in zip(rows, answers):
            if not same(answer, row["answer"]):
                print(f"{row['picture']}  {row['question']}  {answer!r}, expected {row['answer']!r}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    main()
