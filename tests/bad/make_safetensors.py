"""Makes tests/bad/safetensors: files a reader must refuse, a few odd ones it must take, and expected.tsv.

usage: make_safetensors.py            (standard library only; two machines make the same bytes)

A line of expected.tsv is `file <TAB> status <TAB> piece of the message`; OK has no piece. Sources of the kinds: the format's
description, rules 1-9 of the reader (src/weights/safetensors_header.hpp), and what other readers missed: products of
dimensions that wrap, negative and swapped offsets, holes, overlaps, duplicate names.
"""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "safetensors"
LIMIT = 100_000_000
cases = {}


def case(name, content, status, piece=""):
    assert name not in cases, name
    cases[name] = (content, status, piece)


def file(header, data=b"", length=None):
    """The bytes of a file; `header` is text, bytes, or a list of (name, dtype, shape, begin, end) or ready entries."""
    if isinstance(header, list):
        header = "{" + ",".join(part if isinstance(part, str) else entry(*part) for part in header) + "}"
    if isinstance(header, str):
        header = header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(name, dtype, shape, begin, end):
    return f'{json.dumps(name)}:{{"dtype":"{dtype}","shape":{json.dumps(shape)},"data_offsets":[{begin},{end}]}}'


def bad(name, header, piece, data=b"", status="FORMAT", length=None):
    case(name, file(header, data, length), status, piece)


def good(name, header, data=b""):
    case(name, file(header, data), "OK")


def field(name, text, piece, status="FORMAT"):
    """One tensor whose entry is `text`, over eight bytes of data."""
    bad(name, '{"w":' + text + "}", piece, bytes(8), status)


def lengths():
    for n in range(8):
        case(f"length-{n}", bytes(n), "FORMAT", f"{n} bytes, a safetensors file has at least 8")
    bad("header-empty", "", "byte 0: syntax error", length=0)
    bad("header-length-1", "{}", "byte 1: syntax error", length=1)
    for name, length in [("2-63", 2**63), ("2-64-1", 2**64 - 1), ("2-32", 2**32), ("over-limit", LIMIT + 1)]:
        bad(f"header-length-{name}", "{}", f"a header of {length} bytes, at most {LIMIT}", status="LIMIT", length=length)
    case("header-length-big-endian", struct.pack(">Q", 2) + b"{}", "LIMIT", "a header of 144115188075855872 bytes")
    bad("header-length-limit", "{}", f"a header of {LIMIT} bytes in a file of 10", length=LIMIT)
    bad("header-one-past-the-file", "{}", "a header of 3 bytes in a file of 10", length=3)
    bad("header-is-the-whole-file", "{}    ", "a header of 14 bytes in a file of 14", length=14)
    bad("header-cut", '{"w":{"dtype":"F32","sha', "a header of 300 bytes in a file of 32", length=300)


def strangers():
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n"
    case("a-git-lfs-pointer", lfs, "FORMAT", "a Git LFS pointer, the weights were not downloaded")
    case("a-zip", b"PK\x03\x04" + bytes(40), "FORMAT", "a zip archive, such as torch .bin files are")
    case("a-web-page", b"<!DOCTYPE html><title>404</title>", "FORMAT", "a web page")
    case("a-gguf", b"GGUF\x03\0\0\0" + bytes(16), "FORMAT", "a GGUF file")
    case("a-text", b"I am not a tensor.\n", "LIMIT", "a header of")


def encoding():
    for name, raw, at in [("invalid", b'{"\xff":1}', 2), ("overlong", b'{"x\xc0\xaf":1}', 3), ("cut", b'{"a":"\xe2\x82"}', 6),
                          ("surrogate", b'{"ab\xed\xa0\x80":1}', 4), ("above-10ffff", b'{"abc\xf4\x90\x80\x80":1}', 5),
                          ("continuation", b'\x80{}', 0), ("latin-1", '{"gewichtä":1}'.encode("latin-1"), 9)]:
        bad(f"utf8-{name}", raw, f"header: byte {at + 1}: not UTF-8")
    bad("utf16", "{}".encode("utf-16-le"), "header: byte 2: a NUL byte")
    bad("byte-order-mark", b"\xef\xbb\xbf{}", "header: begins with a byte-order mark")
    bad("nul-after-object", b"{}\0\0", "header: byte 3: a NUL byte")
    bad("nul-in-name", b'{"abc\0":1}', "header: byte 6: a NUL byte")
    field("lone-surrogate", '{"dtype":"\\ud800"}', "surrogate U+D800..U+DBFF must be followed by U+DC00..U+DFFF")


def documents():
    for name, text, found in [("array", "[]", "a list"), ("string", '"w"', '"w"'), ("number", "17", "17"),
                              ("null", "null", "null"), ("true", "true", "true")]:
        bad(f"header-{name}", text, f"the header is {found}, expected an object")
    bad("header-blanks-alone", "     ", "byte 5: syntax error")
    bad("two-objects", "{}{}", "expected end of input")
    bad("text-after-object", "{} tensors", "invalid literal")
    bad("not-closed", '{"w":{"dtype":"U8"', "unexpected end of input; expected '}'")
    bad("trailing-comma", '{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},}', "expected string literal", bytes(8))
    bad("comment", "{/* none */}", "invalid literal; last read: '{/'")
    bad("single-quotes", "{'w':1}", "invalid literal; last read: '{''")
    bad("key-without-quotes", "{w:1}", "invalid literal; last read: '{w'")
    bad("colon-missing", '{"w" 1}', "expected ':'")
    bad("form-feed", "{}\f", "invalid literal")
    bad("newline-in-name", '{"a\nb":1}', "control character U+000A")
    good("no-tensors", "{}")
    bad("no-tensors-but-data", "{}", "8 bytes after the last tensor", bytes(8))
    one = entry("w", "U8", [8], 0, 8)
    good("blanks-before", "   {" + one + "}", bytes(8))
    good("blanks-after", "{" + one + "}   ", bytes(8))
    good("blanks-of-all-kinds", "\t\r\n {" + one + "}\n\r\t ", bytes(8))
    good("blanks-inside", '{ "w" : { "dtype" : "U8" , "shape" : [ 8 ] , "data_offsets" : [ 0 , 8 ] } }', bytes(8))
    good("fields-in-another-order", '{"w":{"data_offsets":[0,8],"shape":[8],"dtype":"U8"}}', bytes(8))


def duplicates():
    same = ("w", "U8", [8], 0, 8)
    bad("tensor-twice", [same, same], 'tensor "w" stands twice', bytes(8))
    bad("tensor-twice-elsewhere", [("v", "U8", [4], 0, 4), ("v", "U8", [4], 4, 8)], 'tensor "v" stands twice', bytes(8))
    bad("tensor-twice-escaped", [("a", "U8", [4], 0, 4), '"\\u0061":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}'],
        'tensor "a" stands twice', bytes(8))
    field("dtype-twice", '{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}', "dtype stands twice")
    field("shape-twice", '{"dtype":"U8","shape":[8],"shape":[8],"data_offsets":[0,8]}', "shape stands twice")
    field("offsets-twice", '{"dtype":"U8","shape":[8],"data_offsets":[0,8],"data_offsets":[0,8]}', "data_offsets stands twice")
    field("empty-shape-twice", '{"dtype":"F64","shape":[],"data_offsets":[0,8],"shape":[]}', "byte 59: tensor \"w\": shape stands")
    bad("metadata-twice", '{"__metadata__":{},"__metadata__":{}}', "__metadata__ stands twice")


def fields():
    parts = {"dtype": '"dtype":"U8"', "shape": '"shape":[8]', "data_offsets": '"data_offsets":[0,8]'}
    for name in parts:
        field(f"{name}-missing", "{" + ",".join(text for key, text in parts.items() if key != name) + "}",
              f'tensor "w": {name} is missing')
        wrong = [("null", "null", "null"), ("true", "true", "true"), ("object", "{}", "an object")]
        wrong += [("list", "[]", "a list"), ("number", "8", "8")] if name == "dtype" else [("string", '"8"', '"8"'), ("number", "8", "8")]
        for kind, text, found in wrong:
            others = ",".join(other for key, other in parts.items() if key != name)
            field(f"{name}-{kind}", "{" + f'"{name}":{text},{others}' + "}", f'tensor "w": {name} is {found}, expected')
    field("field-extra", "{" + ",".join(parts.values()) + ',"strides":[1]}', 'the field "strides" is not of the format')
    field("field-capital", '{"Dtype":"U8"}', 'the field "Dtype" is not of the format')
    field("entry-empty", "{}", 'byte 7: tensor "w": dtype is missing')
    for kind, text, found in [("null", "null", "null"), ("list", "[]", "a list"), ("string", '"U8"', '"U8"'), ("number", "0", "0")]:
        field(f"entry-{kind}", text, f'"w" is {found}, expected an object')
    for kind, text, found in [("list", "[8]", "a list"), ("object", "{}", "an object"), ("string", '"8"', '"8"'),
                              ("null", "null", "null"), ("true", "true", "true")]:
        field(f"shape-of-{kind}", '{"dtype":"U8","shape":[' + text + "]}", f"shape holds {found}, expected non-negative")
        field(f"offsets-of-{kind}", '{"dtype":"U8","data_offsets":[0,' + text + "]}", f"data_offsets holds {found}, expected non-neg")
    for text, count in [("", 0), ("0", 1)]:
        field(f"offsets-{count}", '{"data_offsets":[' + text + "]}", f"data_offsets has {count} numbers, expected 2")
    field("offsets-3", '{"data_offsets":[0,8,8]}', "data_offsets has more than 2 numbers")


def numbers():
    for kind, text, piece in [("negative", "-1", "holds -1,"), ("minus-zero", "-0", "holds 0,"), ("fraction", "1.0", "holds 1.0,"),
                              ("exponent", "1e3", "holds 1000.0,"), ("2-63", str(2**63), f"holds {2**63},"),
                              ("2-64", str(2**64), f"the integer {2**64} does not fit 64 bits"),
                              ("overflow", "1e999", "does not fit a double"), ("leading-zero", "08", "expected"),
                              ("plus", "+8", "invalid literal"), ("hex", "0x8", "invalid literal"), ("nan", "NaN", "invalid literal"),
                              ("infinity", "Infinity", "invalid literal"), ("dot", "8.", "expected digit after '.'"),
                              ("minus", "-", "expected digit after '-'")]:
        field(f"shape-{kind}", '{"dtype":"U8","shape":[' + text + '],"data_offsets":[0,8]}', piece)
        field(f"offset-{kind}", '{"dtype":"U8","shape":[8],"data_offsets":[' + text + ",8]}", piece)


def types():
    for name in ["F33", "f32", "", "BF16 ", "float32", "torch.bfloat16", "FP8", "I128"]:
        field(f"type-{name.replace(' ', '-blank') or 'empty'}", f'{{"dtype":"{name}","shape":[8],"data_offsets":[0,8]}}',
              f'dtype "{name}" is none of the format\'s types')
    for name, bits in [("U16", 16), ("U32", 32), ("U64", 64), ("C64", 64), ("F8_E4M3", 8), ("F8_E5M2", 8), ("F8_E8M0", 8),
                       ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("F4", 4)]:
        bad(f"type-{name}", [("w", name, [64 // bits], 0, 8)], f'tensor "w" is {name}, a type no model is computed in', bytes(8),
            "UNSUPPORTED")
    for name in ["F6_E2M3", "F6_E3M2"]:
        bad(f"type-{name}", [("w", name, [4], 0, 3)], f'tensor "w" is {name}, a type', bytes(3), "UNSUPPORTED")
        bad(f"odd-{name}", [("w", name, [5], 0, 3)], f"[5] {name} is no whole number of bytes", bytes(3))
    bad("odd-F4", [("w", "F4", [3, 5], 0, 8)], "[3, 5] F4 is no whole number of bytes", bytes(8))


def sizes():
    for name, shape in [("three", [4194305, 4194305, 211106198978564]), ("to-zero", [2**32, 2**32]), ("to-small", [2**61 + 1, 8]),
                        ("hidden-by-zero", [2**40, 2**40, 0]), ("one", [2**63 - 1])]:
        bad(f"product-{name}", [("w", "F32", shape, 0, 8)], f"shape {json.dumps(shape)} is too large for 64 bits", bytes(8))
    bad("shape-too-large", [("w", "F32", [3], 0, 8)], "[3] F32 takes 12 bytes, its offsets 0..8 hold 8", bytes(8))
    bad("shape-too-small", [("w", "F32", [1], 0, 8)], "[1] F32 takes 4 bytes, its offsets 0..8 hold 8", bytes(8))
    bad("shape-of-the-wrong-type", [("w", "F16", [2], 0, 8)], "[2] F16 takes 4 bytes", bytes(8))
    bad("scalar-of-no-bytes", [("w", "F64", [], 0, 0)], "[] F64 takes 8 bytes, its offsets 0..0 hold 0")
    bad("zero-elements-with-bytes", [("w", "U8", [0], 0, 8)], "[0] U8 takes 0 bytes, its offsets 0..8 hold 8", bytes(8))
    bad("offsets-swapped", [("w", "U8", [8], 8, 0)], "ends at 0, before it begins at 8", bytes(8))
    bad("file-one-byte-short", [("w", "U8", [8], 0, 8)], "the file holds 7 bytes of data: it is cut short", bytes(7))
    bad("file-without-data", [("w", "U8", [8], 0, 8)], "the file holds 0 bytes of data: it is cut short")
    bad("file-one-byte-long", [("w", "U8", [8], 0, 8)], "1 bytes after the last tensor", bytes(9))
    bad("end-past-the-file", [("w", "U8", [2**40], 0, 2**40)], f"ends at {2**40}, the file holds 8 bytes", bytes(8))
    bad("end-near-2-63", [("w", "U8", [8], 2**63 - 9, 2**63 - 1)], f"begins at {2**63 - 9}, the data begin at 0: a hole", bytes(8))
    for dtype, size in [("F64", 8), ("I64", 8), ("F32", 4), ("I32", 4), ("F16", 2), ("BF16", 2), ("I16", 2), ("I8", 1), ("U8", 1),
                        ("BOOL", 1)]:
        good(f"legal-{dtype}", [("w", dtype, [2, 3], 0, 6 * size)], bytes(6 * size))
        bad(f"short-{dtype}", [("w", dtype, [2, 3], 0, 6 * size - 1)], f"[2, 3] {dtype} takes {6 * size} bytes", bytes(6 * size - 1))


def layouts():
    def two(name, first, second, piece, size):
        bad(f"layout-{name}", [("a", "U8", [first[1] - first[0]], *first), ("b", "U8", [second[1] - second[0]], *second)], piece,
            bytes(size))

    bad("layout-begins-late", [("a", "U8", [4], 4, 8)], 'tensor "a" begins at 4, the data begin at 0: a hole', bytes(8))
    two("hole", (0, 4), (6, 8), 'tensor "b" begins at 6, tensor "a" ends at 4: a hole', 8)
    two("hole-of-one", (0, 4), (5, 8), 'tensor "b" begins at 5, tensor "a" ends at 4: a hole', 8)
    two("overlap", (0, 6), (4, 8), 'tensor "b" begins at 4, tensor "a" ends at 6: they overlap', 8)
    two("overlap-of-one", (0, 5), (4, 8), 'tensor "b" begins at 4, tensor "a" ends at 5: they overlap', 8)
    two("same-bytes", (0, 8), (0, 8), 'tensor "b" begins at 0, tensor "a" ends at 8: they overlap', 8)
    two("inside", (0, 8), (2, 4), 'tensor "b" begins at 2, tensor "a" ends at 8: they overlap', 8)
    two("tail", (0, 4), (4, 8), "3 bytes after the last tensor", 11)
    two("zero-elements-inside", (0, 8), (3, 3), 'tensor "b" begins at 3, tensor "a" ends at 8: they overlap', 8)
    two("zero-elements-past-the-end", (0, 8), (9, 9), 'tensor "b" begins at 9, tensor "a" ends at 8: a hole', 8)
    two("out-of-order-overlap", (4, 8), (0, 5), 'tensor "a" begins at 4, tensor "b" ends at 5: they overlap', 8)
    good("legal-out-of-order", [("a", "U8", [4], 4, 8), ("b", "U8", [4], 0, 4)], bytes(8))
    good("legal-zero-elements-share-an-offset", [("a", "U8", [0], 4, 4), ("b", "U8", [4], 0, 4), ("c", "F32", [3, 0], 4, 4),
                                                 ("d", "U8", [4], 4, 8), ("e", "U8", [0], 8, 8)], bytes(8))
    good("legal-unaligned", [("a", "U8", [1], 0, 1), ("b", "F32", [2], 1, 9)], bytes(9))


def names_and_limits():
    bad("rank-9", [("w", "U8", [1] * 9, 0, 1)], 'tensor "w": more than 8 dimensions', bytes(1), "LIMIT")
    good("legal-rank-8", [("w", "U8", [1] * 8, 0, 1)], bytes(1))
    bad("name-4097", [("n" * 4097, "U8", [1], 0, 1)], "a name of 4097 bytes, at most 4096", bytes(1), "LIMIT")
    bad("name-5000", [("é" * 2500, "U8", [1], 0, 1)], "a name of 5000 bytes, at most 4096", bytes(1), "LIMIT")
    good("legal-name-4096", [("n" * 4096, "U8", [1], 0, 1)], bytes(1))
    bad("name-empty", [("", "U8", [1], 0, 1)], "a tensor without a name", bytes(1))
    bad("name-with-nul", [("a\0b", "U8", [1], 0, 1)], "a NUL in the name", bytes(1))
    good("legal-names", [("model.ünïcode.重み.🦙", "U8", [1], 0, 1), ("a/b\\c\"d\n", "U8", [1], 1, 2), ("__metadata", "U8", [1], 2, 3)],
         bytes(3))
    bad("metadata-nested-65-deep", '{"__metadata__":' + '{"a":' * 65 + "0" + "}" * 66, "__metadata__: a is an object, expected a string")
    bad("shape-nested-65-deep", '{"w":{"shape":' + "[" * 65 + "]" * 65 + "}}", "byte 16: tensor \"w\": shape holds a list")
    for kind, text, found in [("null", "null", "null"), ("list", "[]", "a list"), ("string", '"pt"', '"pt"'), ("number", "1", "1")]:
        bad(f"metadata-{kind}", '{"__metadata__":' + text + "}", f'"__metadata__" is {found}, expected an object')
    for kind, text, found in [("null", "null", "null"), ("list", "[]", "a list"), ("number", "1.5", "1.5"), ("true", "true", "true")]:
        bad(f"metadata-of-{kind}", '{"__metadata__":{"format":' + text + "}}", f"__metadata__: format is {found}, expected a string")
    good("legal-metadata", ['"__metadata__":{"format":"pt","":"","note":"\\u00e9\\ud83e\\udd99"}', ("w", "U8", [1], 0, 1)], bytes(1))
    good("legal-metadata-last", [("w", "U8", [1], 0, 1), '"__metadata__":{}'], bytes(1))


def main():
    for make in (lengths, strangers, encoding, documents, duplicates, fields, numbers, types, sizes, layouts, names_and_limits):
        make()
    HERE.mkdir(exist_ok=True)
    for old in HERE.glob("*.safetensors"):
        old.unlink()
    rows = []
    for name, (content, status, piece) in sorted(cases.items()):
        (HERE / f"{name}.safetensors").write_bytes(content)
        rows.append(f"{name}.safetensors\t{status}\t{piece}\n")
    (HERE / "expected.tsv").write_text("".join(rows), encoding="utf-8")
    print(len(cases), "files,", sum(status != "OK" for _, status, _ in cases.values()), "of them bad")


if __name__ == "__main__":
    main()
