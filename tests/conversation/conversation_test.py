"""Runs the conversation of README.md in every language that is there, and compares what they print byte for byte.

usage: conversation_test.py --model MODEL --pictures PICTURES --program NAME=COMMAND... [--expect NAME,NAME...]

NAME is one of LANGUAGES; COMMAND is split as a shell would, and MODEL, PICTURES and WORK are appended to it. C must be among them:
the others are compared with it, and it with expected.txt, where `*` stands for what the weights decide. A language that is not
there is named; it is a failure when --expect names it. The pictures are copied to a folder whose name has a space, emoji and CJK.
"""
import argparse
import difflib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

LANGUAGES = {  # name: whether the program prints every line, or those it can
    "c": True,
    "cpp": True,
    "python": True,
    "java": True,
    "csharp": True,
    "command": False,
}
HERE = pathlib.Path(__file__).parent


def lines_of(name, command, model, pictures, place):
    """What a program prints; anything on stderr, another exit status or a file left behind ends the test."""
    work = place / f"work of {name} 🗂"
    work.mkdir()
    done = subprocess.run([*shlex.split(command), str(model), str(pictures), str(work)], capture_output=True, timeout=300,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "OMP_WAIT_POLICY": "passive"})
    error = done.stderr.decode(errors="replace").strip()
    if done.returncode or error:
        sys.exit(f"{name} ended with {done.returncode}, expected 0 and nothing on stderr\n{error[-4000:]}\n{done.stdout.decode(errors='replace')[-1000:]}")
    left = sorted(path.name for path in work.iterdir())
    if left != ["Gespräch 💬 対話.session"]:
        sys.exit(f"{name} left {left}, expected the saved session alone")
    return done.stdout.decode().split("\n")[:-1] if done.stdout.endswith(b"\n") else sys.exit(f"{name}: the last line has no end")


def fits(pattern, line):
    return line.startswith(pattern[:-1]) if pattern.endswith(": *") else line == pattern


def check_expected(lines):
    patterns = (HERE / "expected.txt").read_text(encoding="utf-8").splitlines()
    for number, (pattern, line) in enumerate(zip(patterns, lines), 1):
        if not fits(pattern, line):
            sys.exit(f"c, line {number}: {line!r}, expected.txt has {pattern!r}")
    if len(patterns) != len(lines):
        sys.exit(f"c printed {len(lines)} lines, expected.txt has {len(patterns)}")
    print(f"ok: c prints the {len(lines)} lines of expected.txt", flush=True)


def check_same(name, reference, lines):
    if not LANGUAGES[name]:  # in order, and each one of C's lines
        names = {line.split(":")[0] for line in lines}
        reference = [line for line in reference if line.split(":")[0] in names]
    if lines == reference:
        print(f"ok: {name} prints the same {len(lines)} lines as c", flush=True)
        return True
    print("\n".join(list(difflib.unified_diff(reference, lines, "c", name, lineterm="", n=0))[:40]), flush=True)
    return False


def check_missing(programs, expected):
    missing = [name for name in LANGUAGES if name not in programs]
    if missing:
        print("not built:", ", ".join(missing), flush=True)
    wanted = [name for name in missing if name in expected]
    if wanted:
        sys.exit(f"{', '.join(wanted)}: expected, but no --program was given")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--pictures", required=True, type=pathlib.Path)
    parser.add_argument("--program", action="append", required=True)
    parser.add_argument("--expect", default="")
    arguments = parser.parse_args()
    programs = dict(program.split("=", 1) for program in arguments.program)
    expected = [name for name in arguments.expect.split(",") if name]
    for name in [*programs, *expected]:
        if name not in LANGUAGES:
            sys.exit(f"{name}: not one of {', '.join(LANGUAGES)}")
    check_missing(programs, ["c", *expected])
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        pictures = place / "Bilder 📷 写真"
        pictures.mkdir()
        for picture in ("dotted.png", "striped.png"):
            shutil.copy(arguments.pictures / picture, pictures)
        reference = lines_of("c", programs.pop("c"), arguments.model, pictures, place)
        check_expected(reference)
        same = [check_same(name, reference, lines_of(name, command, arguments.model, pictures, place))
                for name, command in programs.items()]
    if not all(same):
        sys.exit("the languages do not agree")


if __name__ == "__main__":
    main()
