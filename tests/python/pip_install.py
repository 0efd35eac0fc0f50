"""`pip install .` as README.md prints it: a clean environment, an isolated build of the whole library, and what comes out of it.

usage: pip_install.py [--torch SITE-PACKAGES]

Takes minutes and fetches the build's tools, so tools/test runs it with --full alone. With --torch the result is tried beside that torch.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCENES = ROOT / "models" / "scenes"
MOST_BYTES = 5_000_000
ASK = ["chat", str(SCENES), "--image", str(SCENES / "examples" / "dotted.png"), "--prompt", "How many shapes are there?"]
PARTS = ["_llava.cpython-*.so", "_llava.pyi", "bin/llava", "libexec/llava/llava-rank", "libllava.so.0.1", "py.typed"]
IMPORT = """
import sys
import llava
assert "torch" not in sys.modules
print(next(line.split()[5] for line in open("/proc/self/maps") if "libtorch_cpu.so" in line))
with llava.load(sys.argv[1]) as model:
    print(model.ask("How many shapes are there?", sys.argv[2], temperature=0))
"""


def run(*command: object, **environment: str) -> str:
    """What a program says; it runs in a folder where no source tree lies."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, encoding="utf-8", cwd=tempfile.gettempdir(), env={**clean, **environment}
    )
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def check_wheel(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        assert file.testzip() is None
    package = [pathlib.PurePath(name).relative_to("llava") for name in names if name.startswith("llava/")]
    others = [name for name in names if not re.match(r"llava(-0\.1\.0\.dist-info)?/", name)]
    assert not others, others
    for part in PARTS:
        assert any(name.match(part) for name in package), f"{part} is not in {wheel.name}"
    assert not any("torch" in name.name and ".so" in name.name for name in package), "LibTorch is not repackaged"
    assert {name.rpartition("/")[2] for name in names} >= {"METADATA", "entry_points.txt", "LICENSE", "NOTICE"}
    assert wheel.stat().st_size < MOST_BYTES, wheel.stat().st_size
    print(f"ok: {wheel.name}, {wheel.stat().st_size} bytes, {len(names)} files")


def check_installed(environment: pathlib.Path, torch: pathlib.Path | None) -> None:
    command, python = environment / "bin" / "llava", environment / "bin" / "python"
    assert run(command, "--version") == run(python, "-m", "llava", "--version") == "llava 0.1.0\n"
    assert run(command, *ASK) == run(python, "-m", "llava", *ASK) == "four\n"
    print("ok: the command, as a script and as a module")
    for where in [None, torch] if torch else [None]:
        place, said = run(python, "-c", IMPORT, SCENES, ASK[3], PYTHONPATH=str(where or "")).splitlines()
        assert said == "four" and (where is None) == (not place.startswith(str(torch))), place
        print(f"ok: import llava, with {place}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = pathlib.Path(folder) / "a clean env"
        run(sys.executable, "-m", "venv", environment)
        begin = time.monotonic()
        for built in (ROOT / "build" / "python").glob("cp3*-linux_x86_64"):
            shutil.rmtree(built)  # as a stranger begins
        run(environment / "bin" / "pip", "install", ROOT)
        print(f"ok: pip install . ({time.monotonic() - begin:.0f} s)")
        check_installed(environment, arguments.torch)
        run(environment / "bin" / "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
        check_wheel(next(pathlib.Path(folder).glob("*.whl")))


if __name__ == "__main__":
    main()
