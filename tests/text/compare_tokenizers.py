"""Compares libllava's ids and decoded texts with those of the `tokenizers` library on fresh random texts.

usage: compare_tokenizers.py [--texts N] [--seed N] [--program build/bin/tokenizer_ids] [FILE …]

Needs tokenizers 0.22.2 and the program: ninja -C build tokenizer_ids. Without files, the six of tests/golden/text are compared.
Special tokens written in a text are text, on both sides. The first three differences of each file are printed; the exit status
is their presence.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import time

from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden/text"))
from fuzz_text import fuzz_text  # noqa: E402


def fnv(data):
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def compare(program, path, texts):
    packed = b"".join(len(data).to_bytes(4, "little") + data for data in (text.encode() for text in texts))
    ours = subprocess.run([program, path], input=packed, capture_output=True)
    if ours.returncode:
        print(f"{path.name}: {ours.stderr.decode().strip()}")
        return 1
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    different = decoded = total = 0
    for text, line in zip(texts, ours.stdout.decode().splitlines(), strict=True):
        ids, mark = line.split("\t")
        ids = [int(word) for word in ids.split()]
        expected = tokenizer.encode(text, add_special_tokens=False).ids
        total += len(expected)
        if ids != expected:
            different += 1
            if different <= 3:
                at = next((i for i, pair in enumerate(zip(ids, expected)) if pair[0] != pair[1]), min(len(ids), len(expected)))
                print(f"{path.name}: {text!r}\n  at {at}: {[tokenizer.id_to_token(i) for i in ids[at:at + 8]]}\n"
                      f"  expected {[tokenizer.id_to_token(i) for i in expected[at:at + 8]]}")
        elif fnv(tokenizer.decode(expected, skip_special_tokens=True).encode()) != int(mark):
            decoded += 1
            if decoded <= 3:
                print(f"{path.name}: decoded otherwise: {text!r} {expected}")
    print(f"{path.name}: {len(texts)} texts, {total} ids: {different} texts with other ids, {decoded} with another decoded text")
    return different + decoded


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--program", default=str(ROOT / "build/bin/tokenizer_ids"))
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    names = ("llama", "mistral", "gpt2", "llama3", "qwen2", "other")
    files = arguments.files or [ROOT / f"tests/golden/text/json-{name}.json" for name in names]
    choice = random.Random(arguments.seed)
    texts = [fuzz_text(choice) for _ in range(arguments.texts)]
    print(f"seed {arguments.seed}: {len(texts)} texts, {sum(len(text.encode()) for text in texts)} bytes")
    return 1 if sum(compare(arguments.program, path, texts) for path in files) else 0


if __name__ == "__main__":
    sys.exit(main())
