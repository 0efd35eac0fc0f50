"""Writes unicode.json: which code points are letters, numbers, blanks and marks to `tokenizers`, and what its NFC does.

usage: make_unicode.py [FOLDER]

Needs tokenizers 0.22.2. Classes as ranges of hexadecimal numbers, asked of a Split by each expression; "word": what single_word
takes for a letter beside an added token, for the first 65536 code points. NFC as checksums (FNV-1a, 32 bits, of the UTF-8 bytes) of
"q", the code point, and one of four marks, for every code point from 0xA0 to 0x2FFFF, in blocks of 4096.
"""
import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
MARKS = "\u0334\u0327\u0301\u3099"


def ranges(codes):
    out = []
    for code in codes:
        if out and code == out[-1][1] + 1:
            out[-1][1] = code
        else:
            out.append([code, code])
    return " ".join(f"{first:x}-{last:x}" if first != last else f"{first:x}" for first, last in out)


def members(expression):
    removed = pre_tokenizers.Split(Regex(expression), "removed")
    found = []
    for start in range(0, len(CODES), 4096):
        block = CODES[start:start + 4096]
        kept = set()
        for _, (begin, end) in removed.pre_tokenize_str("".join(map(chr, block))):
            kept.update(range(begin, end))
        found += [code for i, code in enumerate(block) if i not in kept]
    return found


def words():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.add_tokens([AddedToken("Z", single_word=True, normalized=False)])
    return [code for code in CODES if code < 0x10000 and chr(code) != "Z" and not tokenizer.encode(chr(code) + "Z").ids]


def nfc():
    normalize = normalizers.NFC().normalize_str
    sums = []
    for start in range(0, 0x30000, 4096):
        value = 0x811C9DC5
        for code in range(max(start, 0xA0), start + 4096):
            if 0xD800 <= code < 0xE000:
                continue
            for byte in "".join(normalize(f"q{chr(code)}{mark}") for mark in MARKS).encode():
                value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
        sums.append(f"{value:08x}")
    return "".join(sums)


def main(folder):
    table = {"letters": ranges(members(r"\p{L}")), "numbers": ranges(members(r"\p{N}")), "blanks": ranges(members(r"\s")),
             "marks": ranges(members(r"\p{M}")), "word": ranges(words()), "nfc": nfc()}
    (folder / "unicode.json").write_text(json.dumps(table, indent=0) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent))
