"""Makes tests/bad/pictures: small damaged, hostile or merely odd picture files, and expected.tsv.

    python3 tests/bad/make_pictures.py

Standard library only, no randomness: two machines make the same bytes. The JPEGs and WebPs start from good files of
tests/golden/image/pictures. Each row of expected.tsv: file, status, a piece of the message ("-" for none).
"""
import os
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
GOOD = os.path.join(HERE, "..", "golden", "image")
sys.path.insert(0, GOOD)
from picture_writers import *  # noqa: E402

OUT = os.path.join(HERE, "pictures")
ROWS = []


def add(name, status, piece, data):
    with open(os.path.join(OUT, name), "wb") as file:
        file.write(data)
    ROWS.append(f"{name}\t{status}\t{piece}\n")


def good(name):
    with open(os.path.join(GOOD, "pictures", name), "rb") as file:
        return file.read()


# ---- JPEG ---------------------------------------------------------------------------------------------------------

def segments(jpeg):
    """[(marker, body)] up to the first scan, and the rest from its header on."""
    at, out = 2, []
    while jpeg[at + 1] != 0xDA:
        length = struct.unpack(">H", jpeg[at + 2:at + 4])[0]
        out.append((jpeg[at + 1], jpeg[at + 4:at + 2 + length]))
        at += 2 + length
    return out, jpeg[at:]


def joined(parts, rest):
    return b"\xff\xd8" + b"".join(b"\xff" + bytes([m]) + struct.pack(">H", len(b) + 2) + b for m, b in parts) + rest


def changed(jpeg, marker, change, which=0):
    parts, rest = segments(jpeg)
    places = [i for i, (m, _) in enumerate(parts) if m == marker]
    parts[places[which]] = (marker, change(bytearray(parts[places[which]][1])))
    return joined(parts, rest)


def put(body, at, *values):
    body[at:at + len(values)] = bytes(values)
    return bytes(body)


def huffman(index, counts, symbols):
    return bytes([index]) + bytes(counts) + bytes(i & 255 for i in range(symbols))


def jpeg_with_table(jpeg, table):
    parts, rest = segments(jpeg)
    return joined(parts + [(0xC4, table)], rest)


def make_jpeg():
    base, progressive, cmyk = good("baseline-420.jpg"), good("progressive.jpg"), good("cmyk-adobe.jpg")
    parts, rest = segments(base)
    frame = lambda change: changed(base, 0xC0, change)

    add("jpeg-only-start.jpg", "FORMAT", "no end mark", b"\xff\xd8\xff")
    add("jpeg-no-end.jpg", "FORMAT", "no end mark", base[:-2])
    add("jpeg-empty.jpg", "FORMAT", "before any picture data", b"\xff\xd8\xff\xd9")
    add("jpeg-second-start.jpg", "FORMAT", "second start mark", b"\xff\xd8" + base)
    add("jpeg-length-0.jpg", "FORMAT", "length 0", b"\xff\xd8\xff\xe0\0\0" + base[2:])
    add("jpeg-length-1.jpg", "FORMAT", "length 1", b"\xff\xd8\xff\xe0\0\1" + base[2:])
    add("jpeg-length-65535.jpg", "FORMAT", "ends inside a segment", b"\xff\xd8\xff\xe0\xff\xff" + base[2:])
    add("jpeg-dht-257.jpg", "FORMAT", "257 symbols", jpeg_with_table(base, huffman(0, [0] * 14 + [128, 129], 257)))
    add("jpeg-dht-4080.jpg", "FORMAT", "4080 symbols", jpeg_with_table(base, huffman(0, [255] * 16, 4080)))
    add("jpeg-dht-short.jpg", "FORMAT", "100 symbols, 50 are there", jpeg_with_table(base, huffman(0, [0] * 15 + [100], 50)))
    add("jpeg-dht-cut.jpg", "FORMAT", "Huffman table is cut off", jpeg_with_table(base, b"\0\0\1"))
    add("jpeg-dht-index-4.jpg", "FORMAT", "index 0 to 3", jpeg_with_table(base, huffman(4, [0] * 15 + [1], 1)))
    add("jpeg-dht-class-2.jpg", "FORMAT", "index 0 to 3", jpeg_with_table(base, huffman(0x20, [0] * 15 + [1], 1)))
    add("jpeg-dht-overfull.jpg", "FORMAT", "Huffman", jpeg_with_table(base, huffman(0, [3] + [0] * 15, 3)))
    add("jpeg-dht-after-progressive.jpg", "FORMAT", "257 symbols",
        progressive[:-2] + b"\xff\xc4" + struct.pack(">H", 2 + 17 + 257) + huffman(0, [0] * 14 + [128, 129], 257) + b"\xff\xd9")
    add("jpeg-dqt-index-4.jpg", "FORMAT", "index 0 to 3", changed(base, 0xDB, lambda b: put(b, 0, 4)))
    add("jpeg-dqt-cut.jpg", "FORMAT", "quantisation table is cut off", changed(base, 0xDB, lambda b: bytes(b[:40])))
    add("jpeg-no-dqt.jpg", "FORMAT", "Quantization table", joined([p for p in parts if p[0] != 0xDB], rest))
    add("jpeg-frame-cut.jpg", "FORMAT", "frame header is cut off", frame(lambda b: bytes(b[:5])))
    add("jpeg-frame-long.jpg", "FORMAT", "for 3 components", frame(lambda b: bytes(b) + b"\0"))
    add("jpeg-two-frames.jpg", "FORMAT", "second frame header",
        joined(parts + [p for p in parts if p[0] == 0xC0], rest))
    add("jpeg-no-frame.jpg", "FORMAT", "before the frame header", joined([p for p in parts if p[0] != 0xC0], rest))
    add("jpeg-0x0.jpg", "FORMAT", "size is 0 x 0", frame(lambda b: put(b, 1, 0, 0, 0, 0)))
    add("jpeg-height-0.jpg", "FORMAT", "53 x 0", frame(lambda b: put(b, 1, 0, 0)))
    add("jpeg-65535.jpg", "LIMIT", "side of 65535", frame(lambda b: put(b, 1, 255, 255, 255, 255)))
    add("jpeg-60000.jpg", "LIMIT", "3600000000 pixels", frame(lambda b: put(b, 1, 0xEA, 0x60, 0xEA, 0x60)))
    add("jpeg-precision-12.jpg", "UNSUPPORTED", "12 bits", frame(lambda b: put(b, 0, 12)))
    add("jpeg-precision-7.jpg", "FORMAT", "7 bits", frame(lambda b: put(b, 0, 7)))
    add("jpeg-components-2.jpg", "FORMAT", "2 colour components", frame(lambda b: put(b, 5, 2)[:12]))
    add("jpeg-components-5.jpg", "FORMAT", "5 colour components", frame(lambda b: put(b, 5, 5) + bytes(6)))
    add("jpeg-sampling-0.jpg", "FORMAT", "sampling factors 0 x 2", frame(lambda b: put(b, 7, 0x02)))
    add("jpeg-sampling-5.jpg", "FORMAT", "sampling factors 5 x 1", frame(lambda b: put(b, 7, 0x51)))
    add("jpeg-sampling-flood.jpg", "FORMAT", "Sampling factors too large",
        frame(lambda b: put(b, 7, 0x44, b[8], b[9], 0x44)))
    add("jpeg-table-4.jpg", "FORMAT", "table index 4", frame(lambda b: put(b, 8, 4)))
    add("jpeg-arithmetic.jpg", "UNSUPPORTED", "arithmetic", base.replace(b"\xff\xc0", b"\xff\xc9", 1))
    add("jpeg-lossless.jpg", "UNSUPPORTED", "lossless", base.replace(b"\xff\xc0", b"\xff\xc3", 1))
    add("jpeg-hierarchical.jpg", "UNSUPPORTED", "hierarchical", base.replace(b"\xff\xc0", b"\xff\xc5", 1))
    scan = rest[:2 + struct.unpack(">H", rest[2:4])[0]]
    add("jpeg-600-scans.jpg", "LIMIT", "500 scans", joined(parts, scan * 600 + b"\xff\xd9"))
    add("jpeg-scan-components-4.jpg", "FORMAT", "scan of 4 components", joined(parts, rest[:4] + b"\4" + rest[5:]))
    add("jpeg-scan-long.jpg", "FORMAT", "scan header of 13 bytes",
        joined(parts, b"\xff\xda" + struct.pack(">H", 15) + rest[4:14] + bytes(3) + rest[14:]))
    add("jpeg-scan-table-4.jpg", "FORMAT", "Huffman table 64", joined(parts, rest[:6] + b"\x40" + rest[7:]))
    add("jpeg-scan-unknown.jpg", "FORMAT", "component", joined(parts, rest[:5] + b"\x63" + rest[6:]))
    add("jpeg-restart-cut.jpg", "FORMAT", "restart interval", joined(parts + [(0xDD, b"\1")], rest))
    add("jpeg-data-cut.jpg", "FORMAT", "premature end", base[:len(base) * 2 // 3] + b"\xff\xd9")
    add("jpeg-data-zeroed.jpg", "FORMAT", "orrupt", joined(parts, scan + b"\xff\x00" * 400 + b"\xff\xd9"))
    add("jpeg-cmyk-no-tables.jpg", "FORMAT", "Quantization table",
        joined([p for p in segments(cmyk)[0] if p[0] != 0xDB], segments(cmyk)[1]))
    add("jpeg-stray-bytes.jpg", "OK", "-", base[:2] + b"\xff\xfe\0\4hi" + b"stray" + base[2:])
    add("jpeg-and-zip.jpg", "OK", "-", base + b"PK\3\4 and more behind the end mark")
    add("jpeg-exif-loop.jpg", "OK", "-", base[:2] + b"\xff\xe1\0\x14Exif\0\0II*\0\x08\0\0\0\0\0\0\0" + base[2:])
    crowd = b"Exif\0\0" + exif_tiff(6, "<", 1)[:8] + struct.pack("<H", 65535) + exif_tiff(6)[10:22] * 5000
    add("jpeg-exif-65535-entries.jpg", "OK", "-", base[:2] + b"\xff\xe1" + struct.pack(">H", len(crowd) + 2) + crowd + base[2:])


# ---- PNG ----------------------------------------------------------------------------------------------------------

def make_png():
    grey = [[(x * 16 + y,) for x in range(8)] for y in range(6)]
    base = png(grey, 8, 0)
    head = PNG_SIGNATURE
    data = png_chunk(b"IDAT", zlib.compress(png_rows(grey, 8, [(0, 0, 1, 1)], 1), 9))
    end = png_chunk(b"IEND", b"")
    ihdr = png_header(8, 6, 8, 0)
    plte = png_chunk(b"PLTE", bytes(range(48)))
    row = b"\0" * 9

    add("png-signature-only.png", "FORMAT", "ends inside a chunk length", head)
    add("png-no-end.png", "FORMAT", "IEND was not reached", head + ihdr + data)
    add("png-end-cut.png", "FORMAT", "chunk checksum", base[:-2])
    add("png-end-with-data.png", "FORMAT", "IEND has 4 bytes", head + ihdr + data + png_chunk(b"IEND", b"more"))
    add("png-no-header.png", "FORMAT", "IHDR must be first", head + data + end)
    add("png-two-headers.png", "FORMAT", "and once", head + ihdr + ihdr + data + end)
    add("png-header-12.png", "FORMAT", "IHDR has 12 bytes", head + png_chunk(b"IHDR", bytes(12)) + data + end)
    add("png-width-0.png", "FORMAT", "0 x 6", head + png_header(0, 6, 8, 0) + data + end)
    add("png-height-0.png", "FORMAT", "8 x 0", head + png_header(8, 0, 8, 0) + data + end)
    add("png-2-31-x-1.png", "LIMIT", "side of 2147483648", head + png_header(1 << 31, 1, 8, 0) + data + end)
    add("png-1-x-2-32.png", "LIMIT", "side of 4294967295", head + png_header(1, (1 << 32) - 1, 8, 0) + data + end)
    add("png-16m-x-1.png", "LIMIT", "side of 16777216", head + png_header(1 << 24, 1, 8, 0) + data + end)
    add("png-65535.png", "LIMIT", "4294836225 pixels", head + png_header(65535, 65535, 8, 0) + data + end)
    add("png-depth-3.png", "FORMAT", "15 legal pairs", head + png_header(8, 6, 3, 0) + data + end)
    add("png-colour-5.png", "FORMAT", "colour type 5", head + png_header(8, 6, 8, 5) + data + end)
    add("png-palette-16.png", "FORMAT", "15 legal pairs", head + png_header(8, 6, 16, 3) + plte + data + end)
    add("png-rgb-4.png", "FORMAT", "15 legal pairs", head + png_header(8, 6, 4, 2) + data + end)
    add("png-compression-1.png", "FORMAT", "compression method 1", head + png_header(8, 6, 8, 0, compression=1) + data + end)
    add("png-filter-method-1.png", "FORMAT", "filter method 1", head + png_header(8, 6, 8, 0, filtering=1) + data + end)
    add("png-interlace-2.png", "FORMAT", "interlace method 2", head + png_header(8, 6, 8, 0, 2) + data + end)
    add("png-header-crc.png", "FORMAT", "checksum of chunk IHDR", head + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 6, 8, 0, 0, 0, 0), 1) + data + end)
    add("png-data-crc.png", "FORMAT", "checksum of chunk IDAT", head + ihdr + data[:-1] + b"\0" + end)
    add("png-length-2-31.png", "FORMAT", "ends inside a chunk", head + ihdr + struct.pack(">I", 1 << 31) + data[4:] + end)
    add("png-length-2-32.png", "FORMAT", "4294967295 bytes needed", head + ihdr + struct.pack(">I", (1 << 32) - 1) + data[4:] + end)
    add("png-type-digits.png", "FORMAT", "not four letters", head + ihdr + png_chunk(b"12AB", b"") + data + end)
    add("png-unknown-critical.png", "UNSUPPORTED", "critical chunk ABCD", head + ihdr + png_chunk(b"ABCD", b"") + data + end)
    add("png-no-data.png", "FORMAT", "no picture data", head + ihdr + end)
    add("png-empty-data.png", "FORMAT", "no picture data", head + ihdr + png_chunk(b"IDAT", b"") + end)
    add("png-data-split.png", "FORMAT", "others between them",
        head + ihdr + png_chunk(b"IDAT", b"\x78") + png_chunk(b"tEXt", b"a\0b") + data + end)
    add("png-no-palette.png", "FORMAT", "without a palette", head + png_header(8, 6, 8, 3) + data + end)
    add("png-palette-late.png", "FORMAT", "after the picture data", head + ihdr + data + plte + end)
    add("png-palette-twice.png", "FORMAT", "second palette", head + png_header(8, 6, 8, 3) + plte + plte + data + end)
    add("png-palette-771.png", "FORMAT", "palette of 771 bytes", head + png_header(8, 6, 8, 3) + png_chunk(b"PLTE", bytes(771)) + data + end)
    add("png-palette-4.png", "FORMAT", "palette of 4 bytes", head + png_header(8, 6, 8, 3) + png_chunk(b"PLTE", bytes(4)) + data + end)
    add("png-palette-0.png", "FORMAT", "palette of 0 bytes", head + png_header(8, 6, 8, 3) + png_chunk(b"PLTE", b"") + data + end)
    add("png-trns-long.png", "FORMAT", "tRNS of 17 bytes", head + png_header(8, 6, 8, 3) + plte + png_chunk(b"tRNS", bytes(17)) + data + end)
    add("png-trns-grey.png", "FORMAT", "tRNS of 3 bytes", head + ihdr + png_chunk(b"tRNS", bytes(3)) + data + end)
    wide = lambda body: head + ihdr + png_chunk(b"IDAT", body) + end
    add("png-row-missing.png", "FORMAT", "before the last row", wide(zlib.compress(row * 5)))
    add("png-half-row.png", "FORMAT", "before the last row", wide(zlib.compress(row * 5 + row[:4])))
    add("png-filter-5.png", "FORMAT", "filter 5", wide(zlib.compress(b"\5" + row[1:] + row * 5)))
    add("png-not-zlib.png", "FORMAT", "compressed data is damaged", wide(b"this is no zlib stream, not at all"))
    add("png-stream-cut.png", "FORMAT", "compressed data is cut off", wide(zlib.compress(bytes(b & 3 if i % 9 == 0 else b for i, b in enumerate(os_bytes(54))))[:20]))
    add("png-adler.png", "FORMAT", "incorrect data check", wide(zlib.compress(row * 6)[:-1] + b"\0"))
    add("png-no-adler.png", "FORMAT", "compressed data is cut off", wide(zlib.compress(row * 6)[:-4]))
    add("png-dictionary.png", "FORMAT", "compressed data is damaged", wide(b"\x78\x20" + zlib.compress(row * 6)[2:]))
    add("png-bomb-behind.png", "FORMAT", "more than the rows", wide(zlib.compress(bytes(8 << 20), 9)))
    add("png-interlaced-cut.png", "FORMAT", "before the last row",
        head + png_header(8, 6, 8, 0, 1) + png_chunk(b"IDAT", zlib.compress(row * 2)) + end)
    add("png-surplus.png", "OK", "-", wide(zlib.compress(row * 7)))
    add("png-behind-end.png", "OK", "-", base + b"more")
    add("png-exif-broken.png", "OK", "-", head + ihdr + png_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff") + data + end)


def os_bytes(count):
    """Bytes that do not compress, without a random generator: digits of a linear congruential sequence."""
    state, out = 1, bytearray()
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        out.append(state >> 16 & 255)
    return bytes(out)


# ---- GIF ----------------------------------------------------------------------------------------------------------

def make_gif():
    table = bytes(range(12))
    screen = gif_screen(6, 4, table)
    indices = [(x + y) % 4 for y in range(4) for x in range(6)]
    frame = lambda **options: gif_frame(0, 0, 6, 4, indices, 2, **options)

    def raw(*codes, bits=3):
        value = sum(code << (bits * i) for i, code in enumerate(codes))
        return value.to_bytes((bits * len(codes) + 7) // 8, "little")

    add("gif-signature-only.gif", "FORMAT", "ends inside the screen size", b"GIF89a")
    add("gif-screen-0.gif", "FORMAT", "0 x 4", gif_screen(0, 4, table) + frame() + b";")
    add("gif-screen-huge.gif", "LIMIT", "4294836225 pixels", gif_screen(65535, 65535, table) + frame() + b";")
    add("gif-no-picture.gif", "FORMAT", "ends without a picture", screen + b";")
    add("gif-no-block.gif", "FORMAT", "ends inside the blocks", screen)
    add("gif-table-cut.gif", "FORMAT", "ends inside a colour table", screen[:-5])
    add("gif-no-table.gif", "FORMAT", "no colour table", gif_screen(6, 4) + frame() + b";")
    add("gif-block-unknown.gif", "FORMAT", "block of kind 0", screen + b"\0" + frame() + b";")
    add("gif-extension-cut.gif", "FORMAT", "ends inside an extension", screen + b"\x21\xfe\xffshort")
    add("gif-frame-outside.gif", "FORMAT", "outside the screen", screen + gif_frame(1, 0, 6, 4, indices, 2) + b";")
    add("gif-frame-far.gif", "FORMAT", "outside the screen", screen + gif_frame(65535, 65535, 6, 4, indices, 2) + b";")
    add("gif-frame-0.gif", "FORMAT", "first picture is 0 x 4", screen + gif_frame(0, 0, 0, 4, [0], 2) + b";")
    add("gif-code-size-0.gif", "FORMAT", "LZW code size 0", screen + frame()[:10] + b"\0" + frame()[11:] + b";")
    add("gif-code-size-1.gif", "FORMAT", "LZW code size 1", screen + frame()[:10] + b"\1" + frame()[11:] + b";")
    add("gif-code-size-12.gif", "FORMAT", "LZW code size 12", screen + frame()[:10] + b"\x0c" + frame()[11:] + b";")
    add("gif-data-cut.gif", "FORMAT", "ends inside the picture data", screen + frame()[:-4])
    add("gif-no-terminator.gif", "FORMAT", "ends inside the picture data", screen + frame()[:-1])
    add("gif-pixels-missing.gif", "FORMAT", "before the last pixel", screen + frame(data=lzw(indices[:20], 2)) + b";")
    add("gif-pixels-missing-no-end.gif", "FORMAT", "before the last pixel", screen + frame(data=lzw(indices[:20], 2, end=False)) + b";")
    add("gif-no-data.gif", "FORMAT", "before the last pixel", screen + frame(data=b"") + b";")
    add("gif-code-undefined.gif", "FORMAT", "LZW code 7 is not defined", screen + frame(data=raw(4, 1, 7)) + b";")
    add("gif-first-code.gif", "FORMAT", "LZW code 6 is not defined", screen + frame(data=raw(4, 6)) + b";")
    add("gif-only-clears.gif", "FORMAT", "before the last pixel", screen + frame(data=raw(*[4] * 400)) + b";")
    add("gif-pixels-surplus.gif", "OK", "-", screen + frame(data=lzw(indices * 3, 2)) + b";")
    add("gif-restore-previous.gif", "OK", "-", screen + (gif_control(1, 3) + frame()) * 3 + b";")
    add("gif-1000-frames.gif", "OK", "-", screen + frame() + (gif_control(None, 1) + gif_frame(0, 0, 1, 1, [1], 2)) * 999 + b";")
    add("gif-later-frame-broken.gif", "OK", "-", screen + frame() + b"\x2c garbage")
    add("gif-and-script.gif", "OK", "-", screen + frame() + b";/*\nalert(1)//*/")


# ---- BMP ----------------------------------------------------------------------------------------------------------

def make_bmp():
    rows = [bytes(range(18))] * 4
    base = bmp(6, 4, 24, rows)
    patched = lambda at, kind, value, data=base: data[:at] + struct.pack("<" + kind, value) + data[at + struct.calcsize(kind):]
    eight = bmp(6, 4, 8, [bytes(6)] * 4, bytes(16))

    add("bmp-signature-only.bmp", "FORMAT", "ends inside the file header", b"BM")
    add("bmp-header-cut.bmp", "FORMAT", "ends inside the header", base[:40])
    add("bmp-header-41.bmp", "FORMAT", "header of 41 bytes", patched(14, "I", 41))
    add("bmp-header-huge.bmp", "FORMAT", "header of 4294967295 bytes", patched(14, "I", 0xFFFFFFFF))
    add("bmp-width-0.bmp", "FORMAT", "0 x 4", patched(18, "i", 0))
    add("bmp-width-negative.bmp", "FORMAT", "-6 x 4", patched(18, "i", -6))
    add("bmp-height-0.bmp", "FORMAT", "6 x 0", patched(22, "i", 0))
    add("bmp-width-huge.bmp", "LIMIT", "side of 2147483647", patched(18, "i", 0x7FFFFFFF))
    add("bmp-height-min.bmp", "LIMIT", "side of 2147483648", patched(22, "i", -0x80000000))
    add("bmp-area-huge.bmp", "LIMIT", "pixels, at most", patched(22, "i", 60000, patched(18, "i", 60000)))
    add("bmp-bits-5.bmp", "FORMAT", "5 bits a pixel", patched(28, "H", 5))
    add("bmp-bits-2.bmp", "UNSUPPORTED", "2 bits a pixel", patched(28, "H", 2))
    add("bmp-rle8.bmp", "UNSUPPORTED", "run-length", patched(30, "I", 1, eight))
    add("bmp-rle4.bmp", "UNSUPPORTED", "run-length", patched(30, "I", 2, eight))
    add("bmp-jpeg-inside.bmp", "UNSUPPORTED", "compression 4", patched(30, "I", 4))
    add("bmp-png-inside.bmp", "UNSUPPORTED", "compression 5", patched(30, "I", 5))
    add("bmp-compression-99.bmp", "UNSUPPORTED", "compression 99", patched(30, "I", 99))
    add("bmp-fields-8.bmp", "FORMAT", "bit fields with 8 bits", patched(30, "I", 3, eight))
    add("bmp-masks-odd.bmp", "UNSUPPORTED", "colour masks",
        bmp(6, 4, 32, [bytes(24)] * 4, header=56, compression=3, masks=(0x3FF00000, 0xFFC00, 0x3FF)))
    add("bmp-masks-cut.bmp", "FORMAT", "colour masks", bmp(6, 4, 16, [], compression=3, masks=(0x7C00,)))
    add("bmp-palette-257.bmp", "FORMAT", "palette of 257 colours", patched(46, "I", 257, eight))
    add("bmp-palette-cut.bmp", "FORMAT", "ends inside the palette", bmp(6, 4, 8, [], bytes(16), colours=200))
    add("bmp-offset-in-header.bmp", "FORMAT", "inside the header", patched(10, "I", 20))
    add("bmp-offset-beyond.bmp", "FORMAT", "ends inside the pixels", patched(10, "I", 0xFFFFFFF0))
    add("bmp-row-missing.bmp", "FORMAT", "ends inside the pixels", base[:-20])
    add("bmp-last-byte-missing.bmp", "FORMAT", "ends inside the pixels", base[:-3])
    add("bmp-offset-0.bmp", "OK", "-", patched(10, "I", 0))
    add("bmp-offset-at-palette.bmp", "OK", "-", patched(10, "I", 54, eight))


# ---- WebP, and what is no picture we read ---------------------------------------------------------------------------

def make_others():
    webp = good("lossy.webp")
    add("webp-riff-only.webp", "FORMAT", "WebP", b"RIFF\x04\0\0\0WEBP")
    add("webp-cut.webp", "FORMAT", "cut off", webp[:len(webp) * 3 // 4])
    add("webp-size-larger.webp", "FORMAT", "cut off", webp[:4] + struct.pack("<I", len(webp) + 100) + webp[8:])
    add("webp-partition-beyond.webp", "FORMAT", "damaged", webp[:20] + b"\xf0\xff\xff" + webp[23:])
    add("webp-animated.webp", "UNSUPPORTED", "animation",
        b"RIFF" + struct.pack("<I", 4 + 18 + 14) + b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\x07\0\0\x05\0\0" +
        b"ANIM" + struct.pack("<I", 6) + bytes(6))
    add("webp-huge.webp", "LIMIT", "pixels, at most",
        b"RIFF" + struct.pack("<I", 4 + 18 + 8) + b"WEBP" + b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" +
        b"\xfe\xff\0" + b"\xfe\xff\0" + b"VP8 " + struct.pack("<I", 0))
    add("empty.jpg", "FORMAT", "is empty", b"")
    add("text.jpg", "FORMAT", "no known picture format", b"This is a letter, not a picture.\n")
    add("zeros.png", "FORMAT", "no known picture format", bytes(64))
    add("one-byte.gif", "FORMAT", "no known picture format", b"G")
    add("known-avif.jpg", "UNSUPPORTED", "AVIF", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf")
    add("known-heic.jpg", "UNSUPPORTED", "HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    add("known-tiff-little.jpg", "UNSUPPORTED", "TIFF", b"II*\0\x08\0\0\0")
    add("known-tiff-big.jpg", "UNSUPPORTED", "TIFF", b"MM\0*\0\0\0\x08")
    add("known-jp2.jpg", "UNSUPPORTED", "JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n")
    add("known-j2k.jpg", "UNSUPPORTED", "JPEG 2000", b"\xff\x4f\xff\x51\0\x29")
    add("known-jxl.jpg", "UNSUPPORTED", "JPEG XL", b"\xff\x0a\xfa\x1f")
    add("known-ico.jpg", "UNSUPPORTED", "Windows icon", b"\0\0\1\0\1\0\x10\x10")
    add("known-psd.jpg", "UNSUPPORTED", "Photoshop", b"8BPS\0\1")
    add("known-svg.jpg", "UNSUPPORTED", "SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    add("known-pdf.jpg", "UNSUPPORTED", "PDF", b"%PDF-1.7\n")
    add("known-ppm.jpg", "UNSUPPORTED", "PPM", b"P6\n1 1\n255\n\0\0\0")


def main():
    os.makedirs(OUT, exist_ok=True)
    for make in (make_jpeg, make_png, make_gif, make_bmp, make_others):
        make()
    with open(os.path.join(OUT, "expected.tsv"), "w") as file:
        file.writelines(sorted(ROWS))


if __name__ == "__main__":
    main()
