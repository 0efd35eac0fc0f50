"""Draws scenes: 336 x 336 for people, 84 x 84 for the model.

A shape is two cached masks, fill and dark outline, blended into the picture. Mask values have nine levels, so
a picture has fewer than 256 colours and a palette PNG holds it without loss. What the model sees goes the way
of CLIPImageProcessor (bicubic resize of the shortest edge, centre crop, 1/255, mean and deviation), always
from the 336-pixel picture: training and use see the same pixels.

    python draw.py --out folder --count 5 --seed 50000000
"""

import argparse
import functools
import math
import pathlib
import random

import numpy as np
from PIL import Image, ImageDraw

from world import COLOURS, scene_of

SIDE, CELL = 336, 112
MODEL_SIDE = 84
RADIUS = {"small": 27, "large": 43}
OUTLINE = 9
OUTLINE_RGB = np.array((25, 25, 30), np.float32)
MEAN = np.array((0.48145466, 0.4578275, 0.40821073), np.float32)   # CLIPImageProcessor
STD = np.array((0.26862954, 0.26130258, 0.27577711), np.float32)
BOX = {"small": 84, "large": 126}   # side of a mask: the shape with its outline
FINE = 8        # masks are drawn this much larger, then averaged
LEVELS = 8      # steps of a mask value


def corners(shape, radius):
    """The corners of a shape about (0, 0); y grows downwards."""
    def ring(count, radii, turn=-math.pi / 2):
        return [(radii[i % len(radii)] * math.cos(turn + 2 * math.pi * i / count),
                 radii[i % len(radii)] * math.sin(turn + 2 * math.pi * i / count)) for i in range(count)]
    if shape == "circle":
        return ring(96, [radius])
    if shape == "square":
        side = 0.88 * radius
        return [(-side, -side), (side, -side), (side, side), (-side, side)]
    if shape == "triangle":
        return [(x, y + 0.18 * radius) for x, y in ring(3, [1.18 * radius])]
    if shape == "star":
        return [(x, y + 0.06 * radius) for x, y in ring(10, [1.15 * radius, 0.5 * radius])]
    arm, reach = 0.36 * radius, 1.02 * radius
    return [(-arm, -reach), (arm, -reach), (arm, -arm), (reach, -arm), (reach, arm), (arm, arm),
            (arm, reach), (-arm, reach), (-arm, arm), (-reach, arm), (-reach, -arm), (-arm, -arm)]


@functools.cache
def masks(shape, size):
    """Fill and outline of a shape as [box, box, 3] float32 in steps of 1/LEVELS."""
    box = BOX[size]
    points = [(FINE * (x + box / 2), FINE * (y + box / 2)) for x, y in corners(shape, RADIUS[size])]
    result = []
    for part in ("fill", "outline"):
        fine = Image.new("L", (box * FINE, box * FINE), 0)
        pen = ImageDraw.Draw(fine)
        if part == "fill":
            pen.polygon(points, fill=255)
        else:
            pen.line(points + points[:2], fill=255, width=OUTLINE * FINE, joint="curve")
        small = np.asarray(fine.reduce(FINE), np.float32) / 255
        result.append((np.round(small * LEVELS)[:, :, None] / LEVELS).repeat(3, axis=2))
    return tuple(result)


@functools.cache
def pattern(ground, phase_x, phase_y, upright):
    """1 where a ground shows its second colour, else 0: [SIDE, SIDE, 3] uint8."""
    x, y = np.meshgrid(np.arange(SIDE) + phase_x, np.arange(SIDE) + phase_y)
    where = np.zeros((SIDE, SIDE), bool)
    if ground == "striped":
        where = (x if upright else y) // 16 % 2 == 1
    elif ground == "checked":
        where = (x // 24 + y // 24) % 2 == 1
    elif ground == "dotted":
        where = (x % 32 - 15.5) ** 2 + (y % 32 - 15.5) ** 2 < 6.5 ** 2
    return where[:, :, None].repeat(3, axis=2).astype(np.uint8)


def draw(scene):
    """[336, 336, 3] uint8."""
    rng = random.Random(scene.look)
    light = np.array([rng.randint(236, 254) for _ in range(3)], np.uint8)
    darker = np.uint8(rng.randint(60, 76))
    where = pattern(scene.ground, 8 * rng.randrange(6), 8 * rng.randrange(6), rng.random() < 0.5)
    picture = light - where * darker
    for thing in scene.things:
        fill, outline = masks(thing.shape, thing.size)
        box = BOX[thing.size]
        left = CELL * (thing.cell % 3) + CELL // 2 + thing.shift[0] - box // 2
        top = CELL * (thing.cell // 3) + CELL // 2 + thing.shift[1] - box // 2
        x0, x1 = max(left, 0), min(left + box, SIDE)
        y0, y1 = max(top, 0), min(top + box, SIDE)
        cut = np.s_[y0 - top:y1 - top, x0 - left:x1 - left]
        colour = np.clip(np.add(COLOURS[thing.colour], thing.tint), 0, 255).astype(np.float32)
        patch = picture[y0:y1, x0:x1].astype(np.float32)
        patch += fill[cut] * (colour - patch)
        patch += outline[cut] * (OUTLINE_RGB - patch)
        picture[y0:y1, x0:x1] = (patch + 0.5).astype(np.uint8)
    return picture


def reduced(picture):
    """A picture (an array or a Pillow image) as the model sees it, a Pillow image of 84 x 84."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image = image.convert("RGB")
    width, height = image.size
    short = min(width, height)
    size = (MODEL_SIDE * width // short, MODEL_SIDE * height // short)
    image = image.resize(size, Image.BICUBIC)
    left, top = (size[0] - MODEL_SIDE) // 2, (size[1] - MODEL_SIDE) // 2
    return image.crop((left, top, left + MODEL_SIDE, top + MODEL_SIDE))


def pixels(picture):
    """What the model computes with: [3, 84, 84] float32."""
    return ((np.asarray(reduced(picture), np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)


def save_small(picture, path):
    """What the model sees and no more: the same numbers as from the whole picture, a tenth of the bytes and of the time."""
    reduced(picture).save(path, compress_level=1)


def save(picture, path):
    """A palette PNG without loss (or an RGB one, should a picture ever have more than 256 colours)."""
    flat = picture.reshape(-1, 3)
    palette, index = np.unique(flat, axis=0, return_inverse=True)
    if len(palette) > 256:
        image = Image.fromarray(picture)
    else:
        image = Image.fromarray(index.reshape(picture.shape[:2]).astype(np.uint8), "P")
        image.putpalette(palette.astype(np.uint8).tobytes())
    image.save(path, optimize=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--out", required=True)
    options.add_argument("--count", type=int, default=5)
    options.add_argument("--seed", type=int, default=50_000_000)
    options = options.parse_args()
    folder = pathlib.Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seed, options.seed + options.count):
        save(draw(scene_of(seed)), folder / f"{seed}.png")


if __name__ == "__main__":
    main()
