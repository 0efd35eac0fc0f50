"""The package as it is installed: its parts, LibTorch, the command, types."""

import ast
import importlib.metadata
import inspect
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import PICTURE, QUESTION, ROOT, SCENES

import llava
from llava import _libtorch, _llava

PACKAGE = pathlib.Path(llava.__file__).parent
EXAMPLES = ROOT / "examples" / "python"


def test_it_is_the_installed_package_that_is_tested() -> None:
    assert ROOT not in PACKAGE.parents or "build" in PACKAGE.relative_to(ROOT).parts
    assert importlib.metadata.version("llava") == llava.__version__
    for part in ("py.typed", "_llava.pyi", "bin/llava", "libexec/llava/llava-rank", "libllava.so.0.1"):
        assert (PACKAGE / part).is_file(), part
    assert not list(PACKAGE.rglob("*torch*.so*")), "LibTorch is not repackaged"


def test_the_extension_is_built_on_the_public_header_alone() -> None:
    needed = subprocess.run(["readelf", "-d", _llava.__file__], capture_output=True, encoding="utf-8", check=True).stdout
    libraries = re.findall(r"NEEDED.*\[(.*)\]", needed)
    assert "libllava.so.0.1" in libraries
    assert not any("torch" in name or "c10" in name for name in libraries)


def test_the_libtorch_it_wants_is_the_one_it_was_built_for() -> None:
    assert llava.build_info()["torch"].startswith(_libtorch.VERSION + ".")
    pins = (ROOT / "tools" / "pins.txt").read_text()
    assert re.search(r"^torch +" + re.escape(_libtorch.VERSION) + r"\.", pins, re.M)
    requires = importlib.metadata.requires("llava") or []
    assert f'torch=={_libtorch.VERSION}.*; extra == "torch"' in requires


@pytest.mark.parametrize("version", ["2.10.1+cu128", "2.110.0", "3.0"])
def test_another_torch_is_refused_in_plain_words(tmp_path: pathlib.Path, version: str) -> None:
    fake = tmp_path / "torch"
    fake.mkdir()
    (fake / "__init__.py").write_text("raise SystemExit('torch must not be imported')")
    (fake / "version.py").write_text(f"__version__ = '{version}'\n")
    run = subprocess.run(
        [sys.executable, "-c", "import llava"], capture_output=True, encoding="utf-8", env={"PYTHONPATH": str(tmp_path)}
    )
    assert run.returncode == 1
    assert f"ImportError: llava was built for torch 2.11, but torch {version} is installed in {fake}" in run.stderr
    assert "pip install 'torch==2.11.*'" in run.stderr


def test_a_library_that_cannot_be_loaded_is_told_with_every_place(tmp_path: pathlib.Path) -> None:
    package = shutil.copytree(PACKAGE, tmp_path / "llava", ignore=shutil.ignore_patterns("bin", "libexec", "__pycache__"))
    library = package / "libllava.so.0.1"
    torch = next(line.split()[5] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if "libtorch_cpu.so" in line)
    place = os.path.dirname(torch).encode()

    def told(expected: str) -> None:
        run = subprocess.run([sys.executable, "-c", "import llava"], capture_output=True, encoding="utf-8", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
        assert run.returncode == 1 and expected in run.stderr, run.stderr

    library.write_bytes(library.read_bytes().replace(place, b"?" * len(place)))  # no longer knows where LibTorch was
    told(f"cannot open shared object file: No such file or directory. Looked in:\n  - the package torch, which is not installed\n  - {package}\n")
    library.write_text("no library")
    told(f"ImportError: {library} is there, but cannot be loaded: {library}: ")
    (tmp_path / "torch" / "lib").mkdir(parents=True)
    (tmp_path / "torch" / "version.py").write_text("__version__ = '2.11.0'\n")
    (tmp_path / "torch" / "__init__.py").touch()
    (tmp_path / "torch" / "lib" / "libc10.so").write_text("no library")  # that of the build would do
    told(f"LibTorch 2.11 of the installed torch cannot be loaded: {tmp_path}/torch/lib/libc10.so: ")


def test_a_folder_called_torch_is_no_torch(tmp_path: pathlib.Path) -> None:
    (tmp_path / "torch").mkdir()
    code = "import llava; print(llava.__version__)"
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, check=True)


def test_the_module_is_the_command() -> None:
    def run(*arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "llava", *arguments], capture_output=True, encoding="utf-8", input=text, timeout=60
        )

    assert run("--version").stdout == f"llava {llava.__version__}\n"
    script = [str(pathlib.Path(sys.executable).parent / "llava"), "--version"]
    assert subprocess.run(script, capture_output=True, encoding="utf-8", check=True).stdout == run("--version").stdout
    asked = run("chat", str(SCENES), "--image", str(PICTURE), "--prompt", "-", text=QUESTION)
    assert (asked.stdout, asked.stderr, asked.returncode) == ("four\n", "", 0)


def test_the_module_says_and_ends_as_the_command_does_whatever_the_verb(tmp_path: pathlib.Path) -> None:
    """Two folders with the same names in them: what one way has written the other says byte for byte."""
    golden = ROOT / "tests" / "checkpoints" / "golden"
    turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "four"}]
    records = [{"id": str(number), "image": name, "conversations": turns} for number, name in enumerate((PICTURE.name, "absent.png"))]
    calls = {
        "info SCENES --json": 0,
        "data check data.json --model SCENES --images PICTURES": 3,
        "train SCENES --data data.json --images PICTURES --plan": 3,
        "convert SCENES converted --dtype bf16": 0,
        "merge-delta --base GOLDEN/v0_base --delta GOLDEN/v0_delta --out merged": 0,
    }
    torch = _libtorch.folder()
    places = [str(PACKAGE), torch, os.environ.get("LD_LIBRARY_PATH")]  # what __main__.py tells the command
    environment = {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(place for place in places if place)}
    ways = {"command": [str(PACKAGE / "bin" / "llava")], "module": [sys.executable, "-m", "llava"]}
    for name in ways:
        (tmp_path / name).mkdir()
        (tmp_path / name / "data.json").write_text(json.dumps(records))

    def told(name: str, call: str) -> tuple[int, str, str]:
        words = call.replace("SCENES", str(SCENES)).replace("PICTURES", str(PICTURE.parent)).replace("GOLDEN", str(golden)).split()
        run = subprocess.run([*ways[name], *words], capture_output=True, encoding="utf-8", cwd=tmp_path / name, env=environment, timeout=60)
        said = re.sub(r"memory_available +\d+", "memory_available", run.stdout)  # what is free changes from run to run
        return run.returncode, said, run.stderr

    with ThreadPoolExecutor(2) as both:
        for call, code in calls.items():
            command, module = both.map(told, ways, [call, call])
            assert command == module and command[0] == code, (call, command, module)

    def files(name: str) -> dict[str, bytes]:
        return {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}

    assert files("module") == files("command") and "merged/config.json" in files("module")


def described() -> dict[str, list[str]]:
    """Parameter names of everything in the extension, from the first line of each docstring."""
    found: dict[str, list[str]] = {}

    def add(name: str, thing: object) -> None:
        line = (inspect.getdoc(thing) or "").splitlines()[0]
        inside = line.partition("(")[2].rpartition(") ->")[0]
        depth, names, current = 0, [], ""
        for letter in inside + ",":
            depth += (letter in "[(") - (letter in "])")
            if letter == "," and depth == 0:
                names.append(re.split(r"[:=]", current.strip())[0].strip())
                current = ""
            else:
                current += letter
        found[name] = [each for each in names if each]

    for name, thing in vars(_llava).items():
        if inspect.isclass(thing):
            for part, member in vars(thing).items():
                if isinstance(member, property):
                    found[f"{name}.{part}"] = ["property"]
                own = isinstance(member, staticmethod) or "instancemethod" in type(member).__name__
                if own and (part == "__init__" or not part.startswith("_")):
                    add(f"{name}.{part}", getattr(thing, part))
        elif not name.startswith("_"):
            add(name, thing)
    return {name: names for name, names in found.items() if names != ["*args", "**kwargs"]}


def stubbed() -> dict[str, list[str]]:
    """The same from _llava.pyi."""
    found: dict[str, list[str]] = {}

    def add(prefix: str, function: ast.FunctionDef) -> None:
        if any(isinstance(each, ast.Name) and each.id == "property" for each in function.decorator_list):
            found[prefix + function.name] = ["property"]
            return
        arguments = function.args
        names = [each.arg for each in arguments.args]
        found[prefix + function.name] = names + ([f"**{arguments.kwarg.arg}"] if arguments.kwarg else [])

    for item in ast.parse((PACKAGE / "_llava.pyi").read_text()).body:
        if isinstance(item, ast.FunctionDef):
            add("", item)
        elif isinstance(item, ast.ClassDef):
            for part in item.body:
                if isinstance(part, ast.FunctionDef) and (part.name == "__init__" or not part.name.startswith("_")):
                    add(item.name + ".", part)
    return found


def test_the_stubs_name_the_extensions_classes_functions_and_parameters() -> None:
    assert described() == stubbed()


def mypy(*arguments: str) -> None:
    environment = dict(os.environ, MYPY_CACHE_DIR=str(ROOT / "build" / "python" / "mypy"))
    run = subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, encoding="utf-8", cwd=ROOT, env=environment, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_package_examples_and_tests_pass_mypy_strict() -> None:
    mypy("mypy", "--strict", "-p", "llava")
    files = [*EXAMPLES.glob("*.py"), *(ROOT / "tests" / "python").glob("*.py"), ROOT / "tests" / "conversation" / "conversation.py"]
    mypy("mypy", "--strict", *map(str, sorted(files)))
