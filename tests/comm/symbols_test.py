"""Checks that no object file of ours defines or uses what is gloo's own.

usage: symbols_test.py NM FOLDER

gloo's headers are older than the gloo inside LibTorch: a GlooStore or a vtable of gloo's emitted by our code could take the
place of LibTorch's, which has more virtual functions.
"""
import pathlib
import re
import subprocess
import sys

FORBIDDEN = re.compile(r"GlooStore|vtable for gloo::|typeinfo for gloo::")


def main(nm, folder):
    objects = sorted(pathlib.Path(folder).rglob("*.o"))
    problems = 0
    for path in objects:
        symbols = subprocess.run([nm, "-C", path], check=True, capture_output=True, text=True, errors="replace").stdout
        for line in symbols.splitlines():
            if FORBIDDEN.search(line):
                problems += 1
                print(f"{path.name}: {line.strip()}")
    gloo = any(path.name.startswith("gloo_comm") for path in objects)
    print(f"{len(objects)} object files, {problems} problems" + ("" if gloo else "; gloo_comm is not among them"))
    return 0 if gloo and not problems else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
