"""Makes the picture fixtures of image_test and what Pillow and transformers say about them.

    <python with pillow 13.0, transformers 4.57.3, numpy> tests/golden/image/make_image.py

Writes pictures/*, pictures.tsv (pixels after EXIF, as hashes), resize.tsv (Pillow's resampling of a pattern both sides
compute) and preprocess.tsv (transformers' image processors). Hashes stand for exact equality, which is what is asked for;
the float values come out bit-equal, too, because both sides take each byte through the same double and float steps.
"""
import hashlib
import io
import json
import os
import struct

import numpy as np
from PIL import Image, ImageOps

from picture_writers import *

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "pictures")


def scene(width, height, seed=1):
    """Slopes, edges and a little noise: something every coder has to work on."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    red = 255 * x / max(1, width - 1)
    green = 255 * y / max(1, height - 1)
    blue = 127 + 120 * np.sin(x / 5.0) * np.cos(y / 3.0)
    picture = np.stack([red, green, blue], -1)
    picture[(x - width / 2) ** 2 + (y - height / 2) ** 2 < (min(width, height) / 3) ** 2] = (250, 30, 60)
    picture += rng.normal(0, 6, picture.shape)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def save(name, data):
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def without_segment(jpeg, marker):
    at, out = 2, jpeg[:2]
    while jpeg[at + 1] != 0xDA:
        length = struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        if jpeg[at + 1] != marker:
            out += jpeg[at:at + 2 + length]
        at += 2 + length
    return out + jpeg[at:]


def with_exif(jpeg, tiff):
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def make_jpeg():
    photo = scene(53, 37)
    save("baseline-420.jpg", encoded(photo, "JPEG", quality=85))
    save("baseline-422.jpg", encoded(photo, "JPEG", quality=70, subsampling=1))
    save("baseline-444.jpg", encoded(photo, "JPEG", quality=95, subsampling=0))
    save("progressive.jpg", encoded(photo, "JPEG", quality=80, progressive=True))
    save("progressive-444.jpg", encoded(scene(64, 48, 2), "JPEG", quality=60, progressive=True, subsampling=0))
    save("restarts.jpg", encoded(photo, "JPEG", quality=80, restart_marker_blocks=2))
    save("rgb.jpg", encoded(photo, "JPEG", quality=90, keep_rgb=True))
    save("grey.jpg", encoded(photo.convert("L"), "JPEG", quality=85))
    save("grey-progressive.jpg", encoded(photo.convert("L"), "JPEG", quality=85, progressive=True))
    cmyk = encoded(photo.convert("CMYK"), "JPEG", quality=90)
    save("cmyk-adobe.jpg", cmyk)
    save("cmyk-plain.jpg", without_segment(cmyk, 0xEE))
    save("one.jpg", encoded(scene(1, 1), "JPEG"))
    save("tall.jpg", encoded(scene(3, 100), "JPEG"))
    save("four-to-one.jpg", encoded(scene(400, 100, 3), "JPEG", quality=80))
    save("stray-bytes.jpg", with_exif(encoded(photo, "JPEG", quality=85), exif_tiff(1)).replace(b"\xff\xdb", b"\x00\x11\xff\xdb", 1))
    small = encoded(scene(21, 13, 4), "JPEG", quality=85)
    for value in range(1, 9):
        save(f"exif-{value}.jpg", with_exif(small, exif_tiff(value, "<" if value % 2 else ">", kind=(3, 4)[value % 3 == 0])))
    save("exif-9.jpg", with_exif(small, exif_tiff(9)))
    save("exif-cut.jpg", with_exif(small, exif_tiff(6)[:14]))
    save("exif-far.jpg", with_exif(small, b"II*\0\xff\xff\xff\x7f"))


def png_samples(depth, colour, rng, width=13, height=9, palette=0):
    most = palette or 1 << depth
    return [[tuple(int(v) for v in rng.integers(0, most, PNG_SAMPLES[colour])) for _ in range(width)] for _ in range(height)]


def make_png():
    rng = np.random.default_rng(7)
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            for interlace in (0, 1):
                entries = min(1 << depth, 200) if colour == 3 else 0
                plte = png_chunk(b"PLTE", rng.integers(0, 256, entries * 3, dtype=np.uint8).tobytes()) if entries else b""
                save(f"type{colour}-{depth}{'i' if interlace else ''}.png",
                     png(png_samples(depth, colour, rng, palette=entries), depth, colour, interlace, plte))
    table = rng.integers(0, 256, 16 * 3, dtype=np.uint8).tobytes()
    alpha = png_chunk(b"tRNS", bytes(range(0, 160, 10)))
    save("palette-alpha.png", png(png_samples(4, 3, rng, 31, 22), 4, 3, 0, png_chunk(b"PLTE", table) + alpha))
    save("palette-short.png", png(png_samples(4, 3, rng), 4, 3, 0, png_chunk(b"PLTE", table[:15])))
    save("grey-colourkey.png", png(png_samples(8, 0, rng), 8, 0, 0, png_chunk(b"tRNS", b"\0\x40")))
    save("rgb-colourkey.png", png(png_samples(8, 2, rng), 8, 2, 0, png_chunk(b"tRNS", b"\0\1\0\2\0\3")))
    save("idat-bytes.png", png(png_samples(8, 2, rng), 8, 2, idat_bytes=1))
    save("exif-6.png", png(png_samples(8, 2, rng), 8, 2, 0, png_chunk(b"eXIf", exif_tiff(6))))
    save("interlaced-narrow.png", png(png_samples(8, 2, rng, 1, 7), 8, 2, 1))
    save("interlaced-flat.png", png(png_samples(8, 6, rng, 5, 1), 8, 6, 1))
    save("tall-1x1000.png", encoded(scene(1, 1000, 5), "PNG"))
    save("tall-photo.png", encoded(scene(60, 400, 8), "PNG"))
    save("photo.png", encoded(scene(47, 61, 6), "PNG"))


def make_gif():
    rng = np.random.default_rng(11)

    def indices(width, height, most):
        return [int(v) for v in rng.integers(0, most, width * height)]

    table = lambda count: rng.integers(0, 256, count * 3, dtype=np.uint8).tobytes()
    save("pillow.gif", encoded(scene(40, 30).quantize(64), "GIF"))
    save("colours-2.gif", gif_screen(9, 7, table(2), b"GIF87a") + gif_frame(0, 0, 9, 7, indices(9, 7, 2), 2) + b";")
    save("colours-256.gif", gif_screen(90, 70, table(256)) + gif_frame(0, 0, 90, 70, indices(90, 70, 256), 8) + b";")
    noise = indices(90, 70, 4)
    save("full-table.gif", gif_screen(90, 70, table(4)) +
         gif_frame(0, 0, 90, 70, noise, 2, data=lzw(noise * 1, 2, clear_when_full=False)) + b";")
    save("interlaced.gif", gif_screen(11, 13, table(16)) + gif_frame(0, 0, 11, 13, indices(11, 13, 16), 4, True) + b";")
    save("interlaced-flat.gif", gif_screen(11, 3, table(16)) + gif_frame(0, 0, 11, 3, indices(11, 3, 16), 4, True) + b";")
    save("transparent.gif", gif_screen(11, 13, table(16)) + gif_control(5) + gif_frame(0, 0, 11, 13, indices(11, 13, 16), 4) + b";")
    save("small-frame.gif", gif_screen(20, 15, table(16)) + gif_frame(3, 4, 11, 7, indices(11, 7, 16), 4) + b";")
    save("small-transparent.gif", gif_screen(20, 15, table(16)) + gif_control(9, 2) + gif_frame(3, 4, 11, 7, indices(11, 7, 16), 4) + b";")
    save("local-table.gif", gif_screen(11, 7, table(4)) + gif_frame(0, 0, 11, 7, indices(11, 7, 16), 4, table=table(16)) + b";")
    save("only-local-table.gif", gif_screen(11, 7) + gif_frame(0, 0, 11, 7, indices(11, 7, 16), 4, table=table(16)) + b";")
    save("index-beyond-table.gif", gif_screen(11, 7, table(4)) + gif_frame(0, 0, 11, 7, indices(11, 7, 16), 4) + b";")
    save("two-frames.gif", gif_screen(11, 7, table(16)) + b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" + b"\x21\xfe\x02hi\0" +
         gif_control(None, 3) + gif_frame(0, 0, 11, 7, indices(11, 7, 16), 4) + gif_control(3, 3) +
         gif_frame(2, 2, 5, 3, indices(5, 3, 16), 4) + b";")
    save("no-trailer.gif", gif_screen(11, 7, table(16)) + gif_frame(0, 0, 11, 7, indices(11, 7, 16), 4))


def make_bmp():
    rng = np.random.default_rng(13)
    random = lambda count: rng.integers(0, 256, count, dtype=np.uint8).tobytes()

    def rows(width, height, bits, most=None):
        if bits > 8:
            return [random(width * bits // 8) for _ in range(height)]
        out = []
        for _ in range(height):
            text = "".join(format(int(v), f"0{bits}b") for v in rng.integers(0, most or 1 << bits, width))
            text += "0" * (-len(text) % 8)
            out.append(bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)))
        return out

    save("bits-1.bmp", bmp(19, 7, 1, rows(19, 7, 1), random(8)))
    save("bits-4.bmp", bmp(19, 7, 4, rows(19, 7, 4), random(64)))
    save("bits-8.bmp", bmp(19, 7, 8, rows(19, 7, 8), random(1024)))
    save("bits-8-short.bmp", bmp(19, 7, 8, rows(19, 7, 8), random(400)))
    save("bits-16.bmp", bmp(19, 7, 16, rows(19, 7, 16)))
    save("bits-16-555.bmp", bmp(19, 7, 16, rows(19, 7, 16), compression=3, masks=(0x7C00, 0x3E0, 0x1F)))
    save("bits-16-565.bmp", bmp(19, 7, 16, rows(19, 7, 16), compression=3, masks=(0xF800, 0x7E0, 0x1F)))
    save("bits-24.bmp", bmp(19, 7, 24, rows(19, 7, 24)))
    save("bits-24-topdown.bmp", bmp(19, 7, 24, rows(19, 7, 24), top_down=True))
    save("bits-32.bmp", bmp(19, 7, 32, rows(19, 7, 32)))
    save("bits-32-v4.bmp", bmp(19, 7, 32, rows(19, 7, 32), header=108, compression=3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000)))
    save("bits-32-rgba.bmp", bmp(19, 7, 32, rows(19, 7, 32), header=124, compression=3, masks=(0xFF, 0xFF00, 0xFF0000, 0xFF000000)))
    save("os2.bmp", bmp(19, 7, 4, rows(19, 7, 4), random(48), header=12))
    save("os2-24.bmp", bmp(19, 7, 24, rows(19, 7, 24), header=12))
    save("pillow.bmp", encoded(scene(33, 21), "BMP"))
    save("pillow-grey.bmp", encoded(scene(33, 21).convert("L"), "BMP"))


def make_webp():
    photo = scene(53, 37)
    save("lossy.webp", encoded(photo, "WEBP", quality=70))
    save("lossless.webp", encoded(photo, "WEBP", lossless=True))
    alpha = photo.copy()
    alpha.putalpha(photo.convert("L"))
    save("lossy-alpha.webp", encoded(alpha, "WEBP", quality=70))
    save("lossless-alpha.webp", encoded(alpha, "WEBP", lossless=True, exact=True))
    save("exif-8.webp", encoded(photo, "WEBP", quality=60, exif=b"Exif\0\0" + exif_tiff(8)))


def rgb_of(path):
    image = Image.open(path)
    orientation = image.getexif().get(0x0112, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # the listed difference: Pillow clips at 255, we keep the upper eight bits
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        image = Image.fromarray(grey)
    return image.convert("RGB"), orientation


def digest(array):
    return hashlib.sha256(array).hexdigest()


def picture_digest(image):
    return digest(struct.pack("<ii", *image.size) + np.asarray(image).tobytes())


def describe_pictures():
    lines = []
    for name in sorted(os.listdir(OUT)):
        image, orientation = rgb_of(os.path.join(OUT, name))
        lines.append(f"{name}\t{image.size[0]}\t{image.size[1]}\t{orientation}\t{picture_digest(image)}\n")
    return lines


def pattern(width, height):
    """Bytes of a linear congruential generator, the same in image_test.cpp."""
    count = width * height * 3
    out, state = np.empty(count, np.uint8), 12345
    for i in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out[i] = state >> 16 & 255
    return Image.fromarray(out.reshape(height, width, 3))


RESIZES = [(37, 23, 336, 336), (200, 150, 37, 41), (101, 67, 101, 30), (101, 67, 50, 67), (64, 64, 64, 64), (1, 1, 9, 7),
           (1, 300, 7, 40), (300, 1, 40, 7), (97, 89, 224, 13), (33, 129, 11, 512), (250, 3, 1, 1), (500, 333, 336, 224),
           (60, 400, 30, 200), (200, 50, 100, 10), (50, 200, 60, 20), (90, 270, 30, 90), (90, 271, 30, 90)]


def describe_resizes():
    lines = []
    for width, height, to_width, to_height in RESIZES:
        image = pattern(width, height)
        for number in range(6):
            resized = np.asarray(image.resize((to_width, to_height), number))
            lines.append(f"{width}\t{height}\t{to_width}\t{to_height}\t{number}\t{digest(resized.tobytes())}\n")
    return lines


CONFIGS = {
    "clip-336": ("clip", {"size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}),
    "clip-30": ("clip", {"size": 30, "crop_size": 30}),
    "clip-odd": ("clip", {"size": {"shortest_edge": 41}, "crop_size": {"height": 32, "width": 33}}),
    "clip-stretch": ("clip", {"size": {"height": 50, "width": 70}, "crop_size": 45, "resample": 2}),
    "clip-no-resize": ("clip", {"do_resize": False, "crop_size": {"height": 45, "width": 60}}),
    "clip-no-crop": ("clip", {"size": {"shortest_edge": 28}, "do_center_crop": False, "resample": 1}),
    "clip-no-scale": ("clip", {"size": 20, "crop_size": 20, "do_rescale": False, "image_mean": [120.5, 110.25, 100.125],
                               "image_std": [60, 61, 62]}),
    "clip-no-norm": ("clip", {"size": 20, "crop_size": 20, "do_normalize": False}),
    "clip-nearest": ("clip", {"size": 29, "crop_size": 24, "resample": 0}),
    "llava-336": ("llava", {"do_pad": True, "size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}),
    "llava-30": ("llava", {"do_pad": True, "size": {"shortest_edge": 30}, "crop_size": {"height": 30, "width": 30}}),
    "llava-half": ("llava", {"do_pad": True, "size": {"shortest_edge": 31}, "crop_size": {"height": 24, "width": 24},
                             "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 1}),
    "llava-no-resize": ("llava", {"do_pad": True, "do_resize": False, "crop_size": {"height": 57, "width": 66}}),
}
PREPROCESSED = ["photo.png", "four-to-one.jpg", "palette-alpha.png", "exif-6.jpg", "cmyk-adobe.jpg", "type0-8.png", "tall.jpg",
                "tall-photo.png"]


def describe_preprocessing():
    from transformers import CLIPImageProcessor, LlavaImageProcessor
    classes = {"clip": CLIPImageProcessor, "llava": LlavaImageProcessor}
    lines = []
    for name, (kind, fields) in CONFIGS.items():
        for file in PREPROCESSED + (["tall-1x1000.png"] if name in ("clip-336", "llava-336", "clip-30", "llava-30") else []):
            image, _ = rgb_of(os.path.join(OUT, file))
            processor = classes[kind](**fields)
            plain = processor.preprocess(image, do_rescale=False, do_normalize=False, return_tensors="np").pixel_values[0]
            full = processor.preprocess(image, return_tensors="np").pixel_values[0].astype(np.float32)
            plain = np.ascontiguousarray(plain.transpose(1, 2, 0)).astype(np.uint8)
            assert np.array_equal(plain.shape[:2], full.shape[1:])
            text = json.dumps({"image_processor_type": classes[kind].__name__, **fields}, separators=(",", ":"))
            lines.append(f"{name}\t{file}\t{full.shape[1]}\t{full.shape[2]}\t{digest(plain.tobytes())}\t"
                         f"{digest(np.ascontiguousarray(full).tobytes())}\t{text}\n")
    return lines


def main():
    os.makedirs(OUT, exist_ok=True)
    for make in (make_jpeg, make_png, make_gif, make_bmp, make_webp):
        make()
    tables = {"pictures.tsv": describe_pictures, "resize.tsv": describe_resizes, "preprocess.tsv": describe_preprocessing}
    for name, describe in tables.items():
        with open(os.path.join(HERE, name), "w") as file:
            file.writelines(describe())


if __name__ == "__main__":
    main()
