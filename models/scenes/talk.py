"""What can be said about a scene: captions, descriptions, questions with their answers, and whole dialogues.

Answers come from the scene, never from a model. A question is asked only where it has one right answer. The
dialogues are of the paper's three kinds: conversation (short questions about what is seen), detailed
description, and reasoning (adding, removing, counting kinds). One picture serves several turns.

    python talk.py --out folder --count 1000        # pictures and LLaVA-format JSON, the stage-2 data
    python talk.py --out folder --count 1000 --captions   # the stage-1 data

Of the dialogues one in 25 has no picture: a caption stands where it would be.
"""

import argparse
import json
import pathlib
import random

from world import COLOURS, MAX_SHAPES, PLACES, SHAPES, SIZES, STAGE1_SEED, STAGE2_SEED, make_scene

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six"]


def words(thing):
    return f"{thing.size} {thing.colour} {thing.shape}"


def caption(scene, rng=None):
    """One sentence that names everything, in reading order or, given `rng`, in any order."""
    things = list(scene.things)
    if rng:
        rng.shuffle(things)
    return ", ".join(f"a {words(t)} at the {t.place}" for t in things) + f", on a {scene.ground} ground"


def description(scene):
    count = len(scene.things)
    head = f"There {'is' if count == 1 else 'are'} {NUMBERS[count]} shape{'s' * (count > 1)} on a {scene.ground} ground."
    return " ".join([head] + [f"At the {t.place} is a {words(t)}." for t in scene.things])


DESCRIBE = ["Describe the picture.", "What do you see in the picture?"]


def unique(things, key):
    """The things that share their key with no other."""
    keys = [key(t) for t in things]
    return [(k, t) for k, t in zip(keys, things) if keys.count(k) == 1]


# Each function below lists every unambiguous question of its type about a scene: (words to fill in, answer).

def count_all(scene):
    return [((), NUMBERS[len(scene.things)])]


def count_colour(scene):
    return [((c,), NUMBERS[sum(t.colour == c for t in scene.things)]) for c in COLOURS]


def count_size(scene):
    return [((s,), NUMBERS[sum(t.size == s for t in scene.things)]) for s in SIZES]


def colours(scene):
    return [((), NUMBERS[len({t.colour for t in scene.things})])]


def ground(scene):
    return [((), scene.ground)]


def shape_of(scene):
    return [((k,), t.shape) for k, t in unique(scene.things, lambda t: t.colour)]


def colour_of(scene):
    return [((k,), t.colour) for k, t in unique(scene.things, lambda t: t.shape)]


def size_of(scene):
    return [(k, t.size) for k, t in unique(scene.things, lambda t: (t.colour, t.shape))]


def where(scene):
    return [(k, t.place) for k, t in unique(scene.things, lambda t: (t.colour, t.shape))]


def what_at(scene):
    at = {t.place: "a " + words(t) for t in scene.things}
    return [((p,), at.get(p, "nothing")) for p in PLACES]


def largest(scene):
    large = [t for t in scene.things if t.size == "large"]
    return [((), f"the {large[0].colour} {large[0].shape}")] if len(large) == 1 < len(scene.things) else []


def extreme(scene):
    if len(scene.things) < 2:
        return []
    rank = {"highest": lambda t: t.cell // 3, "lowest": lambda t: -(t.cell // 3),
            "furthest left": lambda t: t.cell % 3, "furthest right": lambda t: -(t.cell % 3)}
    found = []
    for word, key in rank.items():
        best = min(map(key, scene.things))
        ends = [t for t in scene.things if key(t) == best]
        if len(ends) == 1:
            found.append(((word,), f"the {ends[0].colour} {ends[0].shape}"))
    return found


def exists(scene):
    """A no is about a pair whose colour or shape is in the picture."""
    pairs = {(t.colour, t.shape) for t in scene.things}
    near = {(c, t.shape) for c in COLOURS for t in scene.things} | {(t.colour, s) for s in SHAPES for t in scene.things}
    return [(p, "yes" if p in pairs else "no") for p in sorted(near)]


def add_one(scene):
    return [((), NUMBERS[len(scene.things) + 1])]


def remove_colour(scene):
    return [((c,), NUMBERS[sum(t.colour != c for t in scene.things)]) for c in sorted({t.colour for t in scene.things})]


CONVERSATION = {
    "count all": (count_all, "How many shapes are there?"),
    "count by colour": (count_colour, "How many {} shapes are there?"),
    "count by size": (count_size, "How many {} shapes are there?"),
    "ground": (ground, "What is the ground like?"),
    "shape by colour": (shape_of, "What shape is the {} one?"),
    "colour by shape": (colour_of, "What colour is the {}?"),
    "size": (size_of, "Is the {} {} small or large?"),
    "where": (where, "Where is the {} {}?"),
    "what is at": (what_at, "What is at the {}?"),
    "largest": (largest, "Which shape is the largest?"),
    "extreme": (extreme, "Which shape is the {}?"),
    "exists": (exists, "Is there a {} {}?"),
}
REASONING = {
    "distinct colours": (colours, "How many different colours do the shapes have?"),
    "add one": (add_one, "If one more shape is added, how many are there?"),
    "remove a colour": (remove_colour, "If the {} shapes are removed, how many are left?"),
}
TYPES = CONVERSATION | REASONING
TWO_WAY = {"size", "exists"}


def article(text):
    return text.replace(" a orange", " an orange")


def ask(rng, scene, kind):
    """A question of this type and its answer, or None; every possible answer is equally likely."""
    find, wording = TYPES[kind]
    found = find(scene)
    if not found:
        return None
    answer = rng.choice(sorted({a for _, a in found}))
    fill = rng.choice([f for f, a in found if a == answer])
    return article(wording.format(*fill)), article(" " + answer)[1:]


# Types that few scenes allow, or that are learnt late, are asked more often.
WEIGHT = {"where": 2, "what is at": 2, "largest": 2, "extreme": 2, "size": 1.5, "exists": 2, "remove a colour": 1.5,
          "colour by shape": 1.5, "shape by colour": 1.5, "count all": 0.5, "ground": 0.5, "add one": 0.5}


def turns_of(rng, scene, kinds, count):
    kinds = sorted(kinds, key=lambda k: rng.random() ** (1 / WEIGHT.get(k, 1)), reverse=True)
    asked = (ask(rng, scene, kind) for kind in kinds)
    return [turn for turn in asked if turn][:count]


def dialogue(rng, scene, described):
    """[(question, answer), ...]: a description first in the share `described`, last in a tenth; reasoning alone
    in a tenth; the rest short questions of every type."""
    look = (rng.choice(DESCRIBE), article(description(scene)))
    draw = rng.random()
    if draw < described:
        return [look] + turns_of(rng, scene, TYPES, rng.randint(0, 6))
    if draw < described + 0.1:
        return turns_of(rng, scene, TYPES, 5) + [look]
    if draw < described + 0.2:
        return turns_of(rng, scene, REASONING, 3)
    return turns_of(rng, scene, TYPES, rng.randint(6, 9))


def sample(seed, most=MAX_SHAPES, described=0.3):
    """The scene and the dialogue that a seed names."""
    rng = random.Random(seed)
    scene = make_scene(rng, most)
    return scene, dialogue(rng, scene, described)


def record(name, turns, told=None):
    """One entry of a LLaVA-format JSON file; `told` is a caption in the place of the picture."""
    said = []
    for i, (question, answer) in enumerate(turns):
        opening = ("<image>" if told is None else told) + "\n" if i == 0 else ""
        said += [{"from": "human", "value": opening + question}, {"from": "gpt", "value": answer}]
    return {"id": name} | ({"image": f"{name}.png"} if told is None else {}) | {"conversations": said}


def main():
    from draw import draw, save, save_small   # the text side of this file needs no pictures
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", required=True, help="receives images/ and data.json")
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--seed", type=int, help="first seed; default: the stage's own range")
    options.add_argument("--captions", action="store_true", help="captions for stage 1 instead of dialogues")
    options.add_argument("--small", action="store_true", help="pictures as the model sees them, 84 x 84: drawn to train on")
    options = options.parse_args()
    keep = save_small if options.small else save
    first = options.seed if options.seed is not None else (STAGE1_SEED if options.captions else STAGE2_SEED)
    images = pathlib.Path(options.out) / "images"
    images.mkdir(parents=True, exist_ok=True)
    records = []
    for seed in range(first, first + options.count):
        scene, turns = sample(seed)
        if options.captions:
            turns = [(DESCRIBE[seed % 2], article(caption(scene)))]
        name, told = f"scene-{seed}", None
        if not options.captions and seed % 25 == 0:
            told = article(caption(scene, random.Random(seed)))
        else:
            keep(draw(scene), images / f"{name}.png")
        records.append(record(name, turns, told))
    (images.parent / "data.json").write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
