"""The scenes world: what a picture can show, before it is drawn or spoken about.

A scene is one to five shapes in distinct cells of a 3 x 3 grid on one of four grounds. Everything is drawn by
chance from one integer seed, so a seed names a picture for ever. Seeds from HELDOUT_SEED on belong to the
held-out test set; no training step may use them.
"""

import random
from dataclasses import dataclass, replace

SHAPES = ["circle", "square", "triangle", "star", "cross"]
COLOURS = {
    "red": (214, 40, 40),
    "orange": (245, 135, 25),
    "yellow": (246, 218, 50),
    "green": (45, 160, 70),
    "blue": (45, 95, 215),
    "purple": (130, 55, 170),
    "pink": (245, 150, 195),
    "black": (45, 45, 48),
}
SIZES = ["small", "large"]
GROUNDS = ["plain", "striped", "checked", "dotted"]
PLACES = ["top left", "top middle", "top right",
          "middle left", "centre", "middle right",
          "bottom left", "bottom middle", "bottom right"]

MAX_SHAPES = 5
COLOUR_JITTER = 12     # levels of 255
CENTRE_JITTER = 6      # pixels of the 336-pixel picture

# One range of seeds for each use; a range is never used for anything else.
TOWER_SEED, TEXT_SEED, STAGE1_SEED, STAGE2_SEED = 0, 10_000_000, 20_000_000, 30_000_000
TOKENIZER_SEED, EXAMPLE_SEED, HELDOUT_SEED = 40_000_000, 50_000_000, 90_000_000


@dataclass(frozen=True)
class Thing:
    """One shape: what it is, its cell (0 to 8 in reading order), and the chance part of its drawing."""
    size: str
    colour: str
    shape: str
    cell: int
    shift: tuple   # x, y in pixels of the 336-pixel picture
    tint: tuple    # added to the red, green and blue of the colour

    @property
    def place(self):
        return PLACES[self.cell]


@dataclass(frozen=True)
class Scene:
    """Things in reading order, on a ground. `look` seeds the ground's own colours and phase."""
    things: tuple
    ground: str
    look: int


def make_thing(rng, size, colour, shape, cell):
    def jitter(most):
        return rng.randint(-most, most)
    return Thing(size, colour, shape, cell, (jitter(CENTRE_JITTER), jitter(CENTRE_JITTER)),
                 (jitter(COLOUR_JITTER), jitter(COLOUR_JITTER), jitter(COLOUR_JITTER)))


def make_scene(rng, most=MAX_SHAPES):
    """A scene of 1 to `most` shapes. Half of the scenes use two or three colours and half use two kinds of
    shape, so that counts above one occur; a third hold exactly one large shape, so that one is largest."""
    count = rng.choices(range(1, most + 1), weights=[2, 3, 4, 4, 4][:most])[0]
    colours = list(COLOURS)
    if rng.random() < 0.5:
        colours = rng.sample(colours, rng.randint(2, 3))
    shapes = rng.sample(SHAPES, 2) if rng.random() < 0.5 else SHAPES
    cells = sorted(rng.sample(range(9), count))
    sizes = [rng.choice(SIZES) for _ in cells]
    if rng.random() < 1 / 3:
        only = rng.randrange(count)
        sizes = ["large" if i == only else "small" for i in range(count)]
    things = tuple(make_thing(rng, size, rng.choice(colours), rng.choice(shapes), cell)
                   for size, cell in zip(sizes, cells))
    return Scene(things, rng.choice(GROUNDS), rng.getrandbits(30))


def change_one_thing(rng, scene):
    """A scene that differs from `scene` in one word of its caption: a hard negative for the vision tower."""
    def other(value, values):
        return rng.choice([v for v in values if v != value])

    things = list(scene.things)
    i = rng.randrange(len(things))
    old = things[i]
    what = rng.choice(["size", "colour", "shape", "cell", "cell", "swap", "swap", "ground"])
    if what == "ground":
        return replace(scene, ground=other(scene.ground, GROUNDS))
    if what == "swap" and len(things) > 1:   # two shapes change places: same words, another picture
        j = other(i, range(len(things)))
        things[i], things[j] = replace(things[j], cell=old.cell), replace(old, cell=things[j].cell)
        return replace(scene, things=tuple(things))
    if what == "size":
        things[i] = replace(old, size=other(old.size, SIZES))
    elif what == "colour":
        things[i] = replace(old, colour=other(old.colour, COLOURS))
    elif what == "shape":
        things[i] = replace(old, shape=other(old.shape, SHAPES))
    else:
        taken = {t.cell for t in things}
        things[i] = replace(old, cell=other(old.cell, [c for c in range(9) if c not in taken]))
    return replace(scene, things=tuple(sorted(things, key=lambda t: t.cell)))


def scene_of(seed, most=MAX_SHAPES):
    return make_scene(random.Random(seed), most)
