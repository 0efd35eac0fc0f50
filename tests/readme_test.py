"""README.md tells the truth: its programs are those of examples/, and the files it names exist.

usage: readme_test.py [ROOT]

A code block that follows a line `<!-- examples/NAME -->` must equal that file, and is a quick start of ten lines at most: blank lines,
comments, lines of braces alone, includes, imports and the line of main are not counted.
"""
import pathlib
import re
import sys

BLOCK = re.compile(r"<!-- (examples/\S+) -->\n+```\w*\n(.*?)```", re.S)
NAMED = re.compile(r"`((?:tools|src|tests|examples|models|bindings|include|packaging|cmake|completions|docs)/[\w./-]*)`")
LINES = 10
BEGINNING = re.compile(r"#include |import |using \w+;|.*\b[mM]ain\(")
LANGUAGES = 5


def code_lines(code):
    code = re.sub(r'^""".*?"""|/\*.*?\*/', "", code, flags=re.S)
    lines = [re.sub(r"(^|\s)//.*", "", line).strip() for line in code.splitlines()]
    return [line for line in lines if line not in ("", "{", "}") and not BEGINNING.match(line)]


def problems(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    for name, code in BLOCK.findall(text):
        if not (root / name).exists():
            yield f"{name} does not exist"
        elif (root / name).read_text(encoding="utf-8") != code:
            yield f"the code block differs from {name}"
        if len(code_lines(code)) > LINES:
            yield f"{name} has {len(code_lines(code))} lines of code, expected at most {LINES}"
    if text.count("\n") > 400:
        yield f"{text.count(chr(10))} lines, the limit is 400"
    if len(BLOCK.findall(text)) != LANGUAGES:
        yield f"{len(BLOCK.findall(text))} quick starts, expected {LANGUAGES}"
    for name in sorted(set(NAMED.findall(text))):
        if not (root / name).exists():
            yield f"{name} is named and does not exist"


def main(root):
    found = list(problems(root))
    for problem in found:
        print(f"README.md: {problem}")
    print(f"{len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()))
