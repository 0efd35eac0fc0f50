"""Draws the held-out test set: heldout/*.png, heldout/questions.jsonl and heldout/descriptions.jsonl.

Its seeds are used for nothing else. Each question names a wrong picture: one of the others, about which the
same question has a different answer, wherever there is such a picture.
"""

import json
import random

from draw import draw, save
from prompt import FOLDER
from talk import DESCRIBE, TYPES, article, ask, description
from world import HELDOUT_SEED, scene_of

PICTURES, EACH, DESCRIPTIONS = 500, 40, 120
HELDOUT = FOLDER / "heldout"


def answers(scene, kind):
    find, wording = TYPES[kind]
    return {article(wording.format(*fill)): article(" " + answer)[1:] for fill, answer in find(scene)}


def wrong_picture(scenes, names, own, kind, question, answer):
    others = [(own + i) % len(scenes) for i in range(1, len(scenes))]
    differing = (i for i in others if answers(scenes[i], kind).get(question, answer) != answer)
    return names[next(differing, others[0])]


def main():
    HELDOUT.mkdir(exist_ok=True)
    scenes = [scene_of(HELDOUT_SEED + i) for i in range(PICTURES)]
    names = [f"{HELDOUT_SEED + i}.png" for i in range(PICTURES)]
    for scene, name in zip(scenes, names):
        save(draw(scene), HELDOUT / name)
    rng = random.Random(HELDOUT_SEED)
    asked = []
    unused = list(range(PICTURES))
    for kind in list(TYPES) * EACH:
        turn = None
        order = unused + rng.sample(range(PICTURES), PICTURES)
        own = next(i for i in order if (turn := ask(rng, scenes[i], kind)))
        if own in unused:
            unused.remove(own)
        asked.append({"picture": names[own], "type": kind, "question": turn[0], "answer": turn[1],
                      "wrong_picture": wrong_picture(scenes, names, own, kind, *turn)})
    described = [{"picture": names[i], "type": "description", "question": DESCRIBE[i % 2],
                  "answer": article(description(scenes[i])), "wrong_picture": names[(i + 1) % PICTURES]}
                 for i in range(DESCRIPTIONS)]
    for name, rows in (("questions", asked), ("descriptions", described)):
        (HELDOUT / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"{len(asked)} questions, {len(described)} descriptions, {PICTURES} pictures, {len(unused)} of them without a question")


if __name__ == "__main__":
    main()
