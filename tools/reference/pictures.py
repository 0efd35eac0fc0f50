"""Small pictures of every kind that decoders and resizers get wrong, made from a seed.

Each maker returns (file name ending, bytes). What is drawn is smooth shapes plus noise, so that resizing, chroma
upsampling and orientation all leave a trace in the pixels.
"""

import io

import numpy
from PIL import Image

ORIENTATION_TAG = 0x0112


def drawing(rng, width, height, channels=3):
    """uint8 [height, width, channels]: waves, a box and noise."""
    y, x = numpy.mgrid[0:height, 0:width].astype(numpy.float64)
    planes = []
    for _ in range(channels):
        a, b, phase = rng.uniform(0.01, 0.3, 2).tolist() + [rng.uniform(0, 6)]
        planes.append(110 + 80 * numpy.sin(a * x + b * y + phase))
    picture = numpy.stack(planes, axis=2)
    left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
    picture[top : top + height // 3 + 1, left : left + width // 3 + 1] = rng.integers(0, 256, channels)
    picture += rng.normal(0, 12, picture.shape)
    return numpy.clip(numpy.round(picture), 0, 255).astype(numpy.uint8)


def encoded(image, kind, **options):
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def one_by_thousand(rng):
    picture = Image.fromarray(drawing(rng, 1000, 1))
    return ".png", encoded(picture.transpose(Image.Transpose.ROTATE_90) if rng.integers(2) else picture, "PNG")


def jpeg_4_to_1(rng):
    height = int(rng.integers(30, 70))
    return ".jpg", encoded(Image.fromarray(drawing(rng, 4 * height, height)), "JPEG", quality=int(rng.integers(60, 95)))


def palette_alpha_png(rng):
    width, height = (int(v) for v in rng.integers(20, 90, 2))
    picture = Image.fromarray(drawing(rng, width, height)).quantize(40)
    return ".png", encoded(picture, "PNG", transparency=bytes(rng.integers(0, 256, 40).tolist()))


def grey_png(rng):
    width, height = (int(v) for v in rng.integers(20, 200, 2))
    return ".png", encoded(Image.fromarray(drawing(rng, width, height, 1)[:, :, 0]), "PNG")


def exif_rotated_jpeg(rng):
    width, height = (int(v) for v in rng.integers(24, 130, 2))
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = int(rng.integers(2, 9))
    return ".jpg", encoded(Image.fromarray(drawing(rng, width, height)), "JPEG", quality=88, exif=exif.tobytes())


def rgba_png(rng):
    width, height = (int(v) for v in rng.integers(20, 200, 2))
    return ".png", encoded(Image.fromarray(drawing(rng, width, height, 4), "RGBA"), "PNG")


def grey_jpeg(rng):
    width, height = (int(v) for v in rng.integers(20, 200, 2))
    return ".jpg", encoded(Image.fromarray(drawing(rng, width, height, 1)[:, :, 0]), "JPEG", quality=80)


def progressive_jpeg(rng):
    width, height = (int(v) for v in rng.integers(17, 300, 2))
    options = {"progressive": True, "subsampling": int(rng.integers(0, 3)), "quality": 70}
    return ".jpg", encoded(Image.fromarray(drawing(rng, width, height)), "JPEG", **options)


def grey_alpha_png(rng):
    width, height = (int(v) for v in rng.integers(20, 200, 2))
    return ".png", encoded(Image.fromarray(drawing(rng, width, height, 2), "LA"), "PNG")


def bmp(rng):
    width, height = (int(v) for v in rng.integers(5, 60, 2))
    return ".bmp", encoded(Image.fromarray(drawing(rng, width, height)), "BMP")


def gif(rng):
    width, height = (int(v) for v in rng.integers(10, 80, 2))
    frames = [Image.fromarray(drawing(rng, width, height)).quantize(64) for _ in range(2)]
    return ".gif", encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def same_size_png(rng, side=42):
    return ".png", encoded(Image.fromarray(drawing(rng, side, side)), "PNG")


KINDS = {
    "one_by_thousand": one_by_thousand,
    "jpeg_4_to_1": jpeg_4_to_1,
    "palette_alpha_png": palette_alpha_png,
    "grey_png": grey_png,
    "exif_rotated_jpeg": exif_rotated_jpeg,
    "rgba_png": rgba_png,
    "grey_jpeg": grey_jpeg,
    "progressive_jpeg": progressive_jpeg,
    "grey_alpha_png": grey_alpha_png,
    "bmp": bmp,
    "gif": gif,
    "same_size_png": same_size_png,
}
