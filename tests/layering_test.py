"""Checks the shape of the tree: who includes whom, file lengths, and a few words that must not appear.

usage: layering_test.py [ROOT]

The table is the one of src/README.md; a folder may always include itself. Violations are printed one a line, and the exit
status is their presence.
"""
import pathlib
import re
import sys

MAY_INCLUDE = {
    "base": "",
    "weights": "base",
    "ops": "base",
    "text": "base",
    "image": "base",
    "comm": "base",
    "model": "base weights ops",
    "data": "base text image",
    "checkpoint": "base weights ops text image model",
    "generate": "base weights ops text image model checkpoint",
    "train": "base weights ops comm text image model data checkpoint",
    "datagen": "base text data",
    "eval": "base text image model data checkpoint generate",
}
TORCH_FREE = {"base", "weights", "text", "image", "data"}
TORCH = re.compile(r"^(ATen|c10|torch|caffe2)/")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
SOURCES = {".h", ".hpp", ".cpp", ".c", ".cu", ".cuh", ".py"}
LINES = 400


def includes(text):
    return [(mark == "<", name) for mark, name in INCLUDE.findall(text)]


def check_core(folder, path, text):
    """One file of src/<folder>."""
    allowed = set(MAY_INCLUDE[folder].split()) | {folder}
    for system, name in includes(text):
        target = name.split("/")[0]
        if TORCH.match(name) and folder in TORCH_FREE:
            yield f"src/{folder} is free of LibTorch, but includes <{name}>"
        if TORCH.match(name) and path.suffix in {".cu", ".cuh"}:
            yield f"a CUDA file includes no LibTorch header, but this one includes <{name}>"
        if not system and "/" in name and target not in allowed and target in MAY_INCLUDE:
            yield f'src/{folder} may not include src/{target} ("{name}")'
    if folder != "ops" and "is_cuda()" in text:
        yield "only src/ops may ask is_cuda()"


def check_public(path, text):
    """One file of include/llava."""
    for system, name in includes(text):
        c_header = system and name in {"stdint.h", "stddef.h"}
        cpp_header = system and path.suffix == ".hpp" and "/" not in name and not name.endswith(".h")
        own = not system and ("/" not in name or name.startswith(("hpp/", "../"))) or name.startswith("llava/")
        if not (c_header or cpp_header or own):
            yield f"an installed header may not include {name}"


def check_outside(folder, text):
    """One file of cli/, examples/ or bindings/: installed headers alone."""
    for system, name in includes(text):
        if name.split("/")[0] in MAY_INCLUDE or TORCH.match(name):
            yield f"{folder} stands on the installed headers alone, but includes {name}"


def check_file(root, path):
    relative = path.relative_to(root)
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > LINES:
        yield f"{lines} lines, the limit is {LINES}"
    if any(name == "torch/torch.h" for _, name in includes(text)):
        yield "torch/torch.h costs twenty seconds a file; include per-operator headers"
    parts = relative.parts
    if parts[0] == "src" and len(parts) > 2:
        if parts[1] not in MAY_INCLUDE:
            yield f"src/{parts[1]} is not in the table"
        else:
            yield from check_core(parts[1], path, text)
    elif parts[0] == "include":
        yield from check_public(path, text)
    elif parts[0] in {"cli", "examples", "bindings"}:
        yield from check_outside(parts[0], text)
    if parts[0] == "tests" and parts[1] != "support" and any(name == "doctest/doctest.h" for _, name in includes(text)):
        yield "include support/doctest.hpp, never doctest itself: LibTorch would replace its CHECK"


def main(root):
    files = problems = 0
    for top in ("include", "src", "capi", "cli", "bindings", "examples", "tests", "tools", "models"):
        for path in sorted((root / top).rglob("*")) if (root / top).exists() else []:
            if path.suffix not in SOURCES or not path.is_file():
                continue
            files += 1
            for problem in check_file(root, path):
                problems += 1
                print(f"{path.relative_to(root)}: {problem}")
    print(f"{files} files, {problems} problems")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()))
