#!/usr/bin/env python3
"""Makes the malformed tokenizer models of this folder and expected.tsv (file, status, piece of the message).

    python3 make_tokenizer.py          (standard library only; the same bytes each time)

Every file starts from one small good model (BPE, 44 pieces, with 256 byte pieces more where they matter) with one thing wrong. The rules are those of
src/text/sentencepiece_model.hpp; some of these files end the process when sentencepiece 0.2.1 reads them itself."""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
UNIGRAM, BPE, WORD, CHAR = 1, 2, 3, 4


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field, n):
    return varint(field << 3) + varint(n)


def data(field, b):
    return varint(field << 3 | 2) + varint(len(b)) + b


def floating(field, x):
    return varint(field << 3 | 5) + struct.pack("<f", x)


def piece(text, kind=NORMAL, score=0.0):
    return data(1, text if isinstance(text, bytes) else text.encode()) + floating(2, score) + number(3, kind)


SPECIALS = [piece("<unk>", UNKNOWN), piece("<s>", CONTROL), piece("</s>", CONTROL)]
BYTES = [piece("<0x%02X>" % i, BYTE) for i in range(256)]
WORDS = [piece(w, NORMAL, -float(i)) for i, w in enumerate(
    ["\u2581t", "he", "\u2581the", "in", "\u2581a", "re", "on", "er", "\u2581s", "at", "\u2581", "e", "t", "a", "o", "n", "i", "h", "s", "r",
     "d", "l", "u", "m", "w", "c", "g", "f", "p", "b", "y", "v", "k", ".", ",", "?", "\u00e9", "\u5b57", "1", "2", ":"])]
TRAINER = number(3, BPE)
FALLBACK = TRAINER + number(35, 1)
NORMALIZER = data(1, b"identity") + number(3, 1) + number(4, 0) + number(5, 1)


def model(specials=SPECIALS, byte_pieces=(), words=WORDS, trainer=TRAINER, normalizer=NORMALIZER, tail=b""):
    pieces = b"".join(data(1, p) for p in [*specials, *byte_pieces, *words])
    return pieces + (data(2, trainer) if trainer is not None else b"") + data(3, normalizer) + tail


def with_bytes(byte_pieces=BYTES, trainer=FALLBACK, more=()):
    return model(byte_pieces=byte_pieces, trainer=trainer, words=[*WORDS, *more])


def with_words(*more):
    return model(words=[*WORDS, *more])


def with_piece(raw):
    return model(tail=data(1, raw))


def with_map(charsmap):
    return model(normalizer=NORMALIZER + data(2, charsmap))


def charsmap(entries, area_extra=b"", value_shift=0):
    """A double-array trie, every state in a block of its own, and the string area. entries: key bytes -> text bytes."""
    area, offsets = b"", {}
    for key, text in entries.items():
        offsets[key] = len(area) + value_shift
        area += text + b"\0"
    states = sorted({key[:n] for key in entries for n in range(len(key) + 1)})
    base = {state: 256 * (i + 1) for i, state in enumerate(states)}
    units = [0xFF] * (256 * (len(states) + 1))  # label 255 at index 0 of a block: no child, unless written below
    for i in range(len(units)):
        units[i] = (i & 0xFF) ^ 0x80  # a label that is not its own byte
    units[0] = (0 ^ base[b""]) << 10
    for state in states:
        if state:
            at = base[state[:-1]] + state[-1]
            units[at] = (at ^ base[state]) << 10 | (state in entries) << 8 | state[-1]
        if state in entries:
            units[base[state]] = 1 << 31 | offsets[state]
    trie = b"".join(struct.pack("<I", unit) for unit in units)
    return struct.pack("<I", len(trie)) + trie + area + area_extra


def raw_map(units, area=b"\0"):
    trie = b"".join(struct.pack("<I", unit) for unit in units)
    return struct.pack("<I", len(trie)) + trie + area


GOOD = model()
FIRST = len(data(1, SPECIALS[0]))
TRAINER_AT = GOOD.index(data(2, TRAINER))
NORMALIZER_AT = GOOD.index(data(3, NORMALIZER))
MAP = charsmap({b"A": b"a", "\ufb01".encode(): b"fi", b"AB": b"ab"})

FILES = {
    # whole files
    "empty": (b"", "FORMAT", "no pieces"),
    "text": (b"This is not a tokenizer.\n", "FORMAT", ""),
    "json": (b'{"model": {"type": "BPE"}}\n', "FORMAT", ""),
    "zip": (b"PK\x03\x04" + bytes(60), "FORMAT", ""),
    "zeros": (bytes(4096), "FORMAT", "field number 0"),
    "ones": (b"\xff" * 4096, "FORMAT", "number"),
    # cut at each field
    "cut-in-length": (GOOD[:1], "FORMAT", "cut off"),
    "cut-in-piece": (GOOD[:FIRST - 3], "FORMAT", "are left"),
    "cut-in-byte-piece": (with_bytes()[:2005], "FORMAT", "are left"),
    "cut-before-trainer": (GOOD[:TRAINER_AT], "FORMAT", "no trainer_spec"),
    "cut-in-trainer": (GOOD[:TRAINER_AT + 3], "FORMAT", "are left"),
    "cut-in-normalizer": (GOOD[:NORMALIZER_AT + 9], "FORMAT", "are left"),
    "cut-in-score": (with_piece(data(1, b"zz") + varint(2 << 3 | 5) + b"\0\0"), "FORMAT", "pieces[44]: field 2 is cut off"),
    "cut-in-type": (with_piece(data(1, b"zz") + varint(3 << 3) + b"\x80"), "FORMAT", "cut off"),
    # the wire format
    "varint-too-large": (GOOD + varint(9 << 3) + b"\xff" * 9 + b"\x02", "FORMAT", "does not fit 64 bits"),
    "varint-eleven-bytes": (GOOD + varint(9 << 3) + b"\x80" * 11 + b"\x00", "FORMAT", "number"),
    "length-past-the-end": (GOOD + varint(9 << 3 | 2) + varint(1000) + b"abc", "FORMAT", "says 1000 bytes, 3 are left"),
    "length-2-to-63": (GOOD + varint(9 << 3 | 2) + varint(1 << 63), "FORMAT", "says 9223372036854775808 bytes"),
    "length-wraps": (GOOD + varint(9 << 3 | 2) + varint((1 << 64) - 1) + b"abc", "FORMAT", "says 18446744073709551615 bytes"),
    "group": (GOOD + varint(9 << 3 | 3) + varint(9 << 3 | 4), "FORMAT", "is a group"),
    "nested-groups": (GOOD + varint(9 << 3 | 3) * 20000, "FORMAT", "is a group"),
    "group-in-piece": (with_piece(data(1, b"zz") + varint(9 << 3 | 3)), "FORMAT", "is a group"),
    "wire-type-6": (GOOD + varint(9 << 3 | 6), "FORMAT", "wire type 6"),
    "wire-type-7": (GOOD + varint(9 << 3 | 7), "FORMAT", "wire type 7"),
    "field-0": (GOOD + varint(0) + b"\0", "FORMAT", "field number 0"),
    "field-number-too-large": (GOOD + varint(1 << 40), "FORMAT", "field number"),
    "pieces-as-number": (GOOD + number(1, 5), "FORMAT", "wire type 0, expected 2"),
    "piece-text-as-number": (with_piece(number(1, 5)), "FORMAT", "piece has wire type 0"),
    "score-as-number": (with_piece(data(1, b"zz") + number(2, 5)), "FORMAT", "score has wire type 0"),
    "type-as-bytes": (with_piece(data(1, b"zz") + data(3, b"x")), "FORMAT", "type has wire type 2"),
    "two-trainers": (GOOD + data(2, TRAINER), "FORMAT", "trainer_spec stands there twice"),
    "two-normalizers": (GOOD + data(3, NORMALIZER), "FORMAT", "normalizer_spec stands there twice"),
    # pieces
    "piece-empty": (with_words(piece("")), "FORMAT", "pieces[44]: the piece is empty"),
    "piece-without-text": (with_piece(floating(2, 0.0)), "FORMAT", "the piece is empty"),
    "piece-not-utf8": (with_words(piece(b"\xc3\x28")), "FORMAT", "pieces[44]: piece is not UTF-8"),
    "piece-surrogate": (with_words(piece(b"\xed\xa0\x80")), "FORMAT", "not UTF-8"),
    "piece-with-nul": (with_words(piece("a\0b")), "FORMAT", "contains a NUL"),
    "piece-twice": (with_words(piece("he")), "FORMAT", "pieces[44] repeats pieces[4]"),
    "piece-named-like-a-mark": (with_words(piece("</s>")), "FORMAT", "pieces[44] repeats pieces[2]"),
    "piece-named-like-a-byte": (with_bytes(more=[piece("<0x0A>")]), "FORMAT", "pieces[300] repeats pieces[13]"),
    "piece-513-bytes": (with_words(piece("q" * 513)), "FORMAT", "513 bytes, at most 512"),
    "piece-60000-bytes": (with_words(piece("q" * 60000, USER)), "FORMAT", "60000 bytes, at most 512"),
    "score-nan": (with_words(piece("zz", NORMAL, float("nan"))), "FORMAT", "not a finite number"),
    "score-infinite": (with_words(piece("zz", NORMAL, float("-inf"))), "FORMAT", "not a finite number"),
    "type-0": (with_words(piece("zz", 0)), "FORMAT", "type 0, expected 1 to 6"),
    "type-7": (with_words(piece("zz", 7)), "FORMAT", "type 7, expected 1 to 6"),
    "type-huge": (with_words(piece("zz", 1 << 32)), "FORMAT", "type 4294967296"),
    "control-of-one-character": (with_words(piece("#", CONTROL)), "FORMAT", "a single character"),
    "prefix-chain-65": (with_words(*[piece("q" * n, USER) for n in range(2, 67)]), "FORMAT", "prefixes of one another"),
    "prefix-chain-198": (with_words(*[piece("q" * n, USER) for n in range(2, 200)]), "FORMAT", "prefixes of one another"),
    # special pieces
    "no-unk": (model(specials=SPECIALS[1:]), "FORMAT", "no unknown piece"),
    "two-unk": (with_words(piece("<unk2>", UNKNOWN)), "FORMAT", "pieces[0] and pieces[44] are both the unknown piece"),
    "no-bos": (model(specials=[SPECIALS[0], SPECIALS[2]]), "FORMAT", 'no control piece "<s>"'),
    "no-eos": (model(specials=SPECIALS[:2]), "FORMAT", 'no control piece "</s>"'),
    "eos-is-a-word": (model(specials=[*SPECIALS[:2], piece("</s>")]), "FORMAT", 'no control piece "</s>"'),
    "bos-renamed": (model(trainer=TRAINER + data(46, b"<begin>")), "FORMAT", 'no control piece "<begin>"'),
    # byte pieces
    "byte-named-minus-1": (with_bytes([*BYTES[:-1], piece("<0x-1>", BYTE)]), "FORMAT", "not named <0x00> to <0xFF>"),
    "byte-lower-case": (with_bytes([*BYTES[:-1], piece("<0xff>", BYTE)]), "FORMAT", "not named <0x00> to <0xFF>"),
    "byte-missing": (with_bytes(BYTES[:-1]), "FORMAT", "255 byte pieces"),
    "byte-none": (with_bytes([]), "FORMAT", "0 byte pieces"),
    "byte-without-fallback": (with_bytes(trainer=TRAINER), "FORMAT", "byte_fallback is off"),
    # kinds of model
    "unigram": (model(trainer=number(3, UNIGRAM)), "UNSUPPORTED", "unigram"),
    "unigram-long-piece": (model(trainer=number(3, UNIGRAM), words=[*WORDS, piece("q" * 40000)]), "FORMAT", "40000 bytes"),
    "word": (model(trainer=number(3, WORD)), "UNSUPPORTED", "word"),
    "char": (model(trainer=number(3, CHAR)), "UNSUPPORTED", "char"),
    "kind-9": (model(trainer=number(3, 9)), "FORMAT", "model_type 9"),
    "kind-missing": (model(trainer=number(35, 1)), "UNSUPPORTED", "unigram"),
    "trainer-missing": (model(trainer=None), "FORMAT", "no trainer_spec"),
    "unk-surface-600": (model(trainer=TRAINER + data(44, b"x" * 600)), "FORMAT", "unk_surface has 600 bytes"),
    # blanks
    "blank-as-suffix": (with_bytes(trainer=FALLBACK + number(24, 1)), "FORMAT", "does not survive"),
    "blank-not-escaped": (model(byte_pieces=BYTES, trainer=FALLBACK, normalizer=data(1, b"identity") + number(3, 1) + number(4, 0) + number(5, 0)), "FORMAT", "does not survive"),
    # normaliser maps
    "map-three-bytes": (with_map(b"\0\0\0"), "FORMAT", "too short"),
    "map-trie-0": (with_map(struct.pack("<I", 0) + b"\0" * 8), "FORMAT", "multiple of 1024"),
    "map-trie-1000": (with_map(struct.pack("<I", 1000) + bytes(1100)), "FORMAT", "multiple of 1024"),
    "map-1024-of-1021": (with_map(struct.pack("<I", 1024) + bytes(1021)), "FORMAT", "says 1024 bytes of trie, the map has 1021"),
    "map-size-wraps": (with_map(struct.pack("<I", 0xFFFFFC00) + bytes(2000)), "FORMAT", "says 4294966272 bytes"),
    "map-all-ones": (with_map(raw_map([0xFFFFFFFF] * 256)), "FORMAT", "leads to"),
    "map-root-alone": (with_map(raw_map([1 << 10] + [0] * 255)), "FORMAT", "leads back"),
    "map-root-outside": (with_map(raw_map([256 << 10] + [0xFF] * 255)), "FORMAT", "leads to 256, there are 256 units"),
    "map-cycle": (with_map(raw_map([256 << 10] + [0x80] * 320 + [65 << 10 | 65] + [0x80] * 190)), "FORMAT", "leads back"),
    "map-value-outside": (with_map(charsmap({b"A": b"a"}, value_shift=100)), "FORMAT", "names text at 100"),
    "map-no-final-nul": (with_map(charsmap({b"A": b"a"}, area_extra=b"x")), "FORMAT", "does not end in NUL"),
    "map-33-matches": (with_map(charsmap({b"q" * n: b"a" for n in range(1, 34)})), "FORMAT", "more than 32 entries"),
    "map-replacement-257": (with_map(charsmap({b"A": b"a" * 257})), "FORMAT", "a replacement of 257 bytes"),
    "map-for-decoding": (GOOD + data(5, data(2, MAP)), "UNSUPPORTED", "changes decoded text"),
    # good, though odd
    "good": (GOOD, "OK", ""),
    "good-one-piece-more": (with_words(piece("zz")), "OK", ""),
    "good-one-piece-less": (model(words=WORDS[:-1]), "OK", ""),
    "good-unknown-fields": (GOOD + number(9, 1) + data(300, b"x" * 100) + floating(10, 1.0) + varint(11 << 3 | 1) + bytes(8), "OK", ""),
    "good-other-order": (data(3, NORMALIZER) + data(2, TRAINER) + b"".join(data(1, p) for p in [*SPECIALS, *WORDS]), "OK", ""),
    "good-failing-self-test": (GOOD + data(4, data(1, data(1, b"the") + data(2, b"something else"))), "OK", ""),
    "good-map": (with_map(MAP), "OK", ""),
    "good-map-32-matches": (with_map(charsmap({b"q" * n: b"a" for n in range(1, 33)})), "OK", ""),
    "good-prefix-chain-64": (with_words(*[piece("q" * n, USER) for n in range(2, 66)]), "OK", ""),
    "good-piece-512-bytes": (with_words(piece("q" * 512)), "OK", ""),
    "good-unused": (with_words(piece("ther", UNUSED), piece("there", UNUSED)), "OK", ""),
    "good-bytes": (with_bytes(), "OK", ""),
}


def main():
    for old in HERE.glob("*.model"):
        old.unlink()
    lines = ["# file\tstatus\tpiece of the message      (made by make_tokenizer.py)"]
    for name, (content, status, message) in FILES.items():
        (HERE / (name + ".model")).write_bytes(content)
        lines.append(f"{name}.model\t{status}\t{message}")
    (HERE / "expected.tsv").write_text("\n".join(lines) + "\n")
    print(len(FILES), "files,", sum(len(content) for content, _, _ in FILES.values()), "bytes")


if __name__ == "__main__":
    main()
