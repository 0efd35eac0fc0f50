"""A small PNG of a picture, for notebooks."""

import base64
import struct
import zlib


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def thumbnail(pixels: memoryview, side: int) -> bytes:
    """The PNG of uint8 [H, W, 3] pixels, every k-th of them so that neither side exceeds `side`."""
    height, width, _ = pixels.shape or (0, 0, 0)
    flat = pixels.cast("B")
    step = max(1, -(-max(height, width) // side))
    columns = -(-width // step)
    rows = bytearray()
    for y in range(0, height, step):
        row = flat[3 * width * y : 3 * width * (y + 1)]
        thin = bytearray(3 * columns)
        for channel in range(3):
            thin[channel::3] = row[channel :: 3 * step]
        rows += b"\0" + thin
    header = struct.pack(">IIBBBBB", columns, -(-height // step), 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(rows), 6)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def tag(pixels: memoryview, side: int) -> str:
    """The same as an element of HTML."""
    text = base64.b64encode(thumbnail(pixels, side)).decode()
    return f'<img src="data:image/png;base64,{text}" style="margin: 0 .5em .5em 0">'
