"""Writers for picture files that Pillow cannot write: every PNG kind, every BMP header, GIFs down to the LZW code.

Shared by make_image.py (good files) and tests/bad/make_pictures.py (bad ones). Standard library only.
"""
import struct
import zlib


# ---- PNG ----------------------------------------------------------------------------------------------------------

def png_chunk(kind, body, crc=None):
    data = kind + body
    return struct.pack(">I", len(body)) + data + struct.pack(">I", zlib.crc32(data) if crc is None else crc)


def png_header(width, height, depth, colour, interlace=0, compression=0, filtering=0):
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width & 0xFFFFFFFF, height & 0xFFFFFFFF, depth, colour,
                                          compression, filtering, interlace))


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def png_filter(row, above, pixel, kind):
    out = bytearray([kind])
    for i, value in enumerate(row):
        left = row[i - pixel] if i >= pixel else 0
        up = above[i]
        corner = above[i - pixel] if i >= pixel else 0
        guess = [0, left, up, (left + up) // 2, paeth(left, up, corner)][kind]
        out.append((value - guess) & 255)
    return bytes(out)


def png_rows(samples, depth, passes, count):
    """samples[y][x] is a tuple of sample values; gives the filtered bytes of all passes, filters 0 to 4 in turn."""
    height, width = len(samples), len(samples[0])
    out, turn = b"", 0
    for x0, y0, dx, dy in passes:
        if x0 >= width:
            continue
        pixel = max(1, count * depth // 8)
        above = None
        for y in range(y0, height, dy):
            bits = "".join(format(v, f"0{depth}b") for x in range(x0, width, dx) for v in samples[y][x])
            bits += "0" * (-len(bits) % 8)
            row = bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
            out += png_filter(row, above or bytes(len(row)), pixel, turn % 5)
            above, turn = row, turn + 1
    return out


def png(samples, depth, colour, interlace=0, before_data=b"", idat_bytes=None):
    height, width = len(samples), len(samples[0])
    raw = png_rows(samples, depth, ADAM7 if interlace else [(0, 0, 1, 1)], PNG_SAMPLES[colour])
    data = zlib.compress(raw, 9)
    step = idat_bytes or len(data)
    chunks = b"".join(png_chunk(b"IDAT", data[i:i + step]) for i in range(0, len(data), step))
    return (PNG_SIGNATURE + png_header(width, height, depth, colour, interlace) + before_data + chunks +
            png_chunk(b"IEND", b""))


# ---- GIF ----------------------------------------------------------------------------------------------------------

def lzw(indices, code_bits, clear_when_full=True, end=True):
    """The LZW bytes of palette indices. With clear_when_full=False the full table is kept ("deferred clear")."""
    clear = 1 << code_bits
    bits, codes = [], {}

    def emit(code, width):
        bits.extend((code >> i) & 1 for i in range(width))

    def reset():
        return {(i,): i for i in range(clear)}, code_bits + 1, clear + 2

    codes, width, following = reset()
    emit(clear, width)
    run = ()
    for index in indices:
        longer = run + (index,)
        if longer in codes:
            run = longer
            continue
        emit(codes[run], width)
        if following < 4096:
            codes[longer] = following
            following += 1
            if following > 1 << width and width < 12:
                width += 1
        elif clear_when_full:
            emit(clear, width)
            codes, width, following = reset()
        run = (index,)
    emit(codes[run], width)
    if following == 1 << width and width < 12:
        width += 1
    if end:
        emit(clear + 1, width)
    bits += [0] * (-len(bits) % 8)
    return bytes(sum(b << j for j, b in enumerate(bits[i:i + 8])) for i in range(0, len(bits), 8))


def gif_blocks(data):
    return b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255)) + b"\0"


def gif_screen(width, height, table=b"", version=b"GIF89a"):
    flags = 0x80 | ((len(table) // 3).bit_length() - 2) if table else 0
    return version + struct.pack("<HHBBB", width, height, flags, 0, 0) + table


def gif_control(transparent=None, disposal=0):
    return b"\x21\xf9\x04" + bytes([disposal << 2 | (transparent is not None), 0, 0, transparent or 0]) + b"\0"


def gif_frame(left, top, width, height, indices, code_bits, interlaced=False, table=b"", data=None):
    flags = (0x40 if interlaced else 0) | (0x80 | ((len(table) // 3).bit_length() - 2) if table else 0)
    if interlaced:
        rows = [indices[y * width:(y + 1) * width] for y in range(height)]
        order = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, height, step)]
        indices = [i for y in order for i in rows[y]]
    data = lzw(indices, code_bits) if data is None else data
    return b"\x2c" + struct.pack("<HHHHB", left, top, width, height, flags) + table + bytes([code_bits]) + gif_blocks(data)


# ---- BMP ----------------------------------------------------------------------------------------------------------

def bmp(width, height, bits, rows, palette=b"", header=40, compression=0, masks=(), top_down=False, colours=None,
        offset=None):
    """rows: stored rows, unpadded, in file order. palette: bytes as stored."""
    body = b"".join(row + b"\0" * (-len(row) % 4) for row in rows)
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        count = len(palette) // 4 if colours is None else colours
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression,
                           len(body), 2835, 2835, count, 0)
        extra = b"".join(struct.pack("<I", m) for m in masks)
        info += extra + b"\0" * max(0, header - 40 - len(extra))
    at = 14 + len(info) + len(palette) if offset is None else offset
    return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + info + palette + body


# ---- EXIF ---------------------------------------------------------------------------------------------------------

def exif_tiff(orientation, order="<", entries=1, kind=3):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + {1: "BBBB", 3: "HH", 4: "I"}[kind],
                        *{1: (orientation, 0, 0, 0), 3: (orientation, 0), 4: (orientation,)}[kind])
    entry = struct.pack(order + "HHI", 0x0112, kind, 1) + value
    return mark + struct.pack(order + "IH", 8, entries) + entry * entries + struct.pack(order + "I", 0)
