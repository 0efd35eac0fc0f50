"""Finds LibTorch before the extension needs it: one LibTorch a process, that of the installed package `torch`.

Where torch is installed its libraries are loaded by their full paths, without importing it (a second or two); a later
`import torch` finds them loaded. Where it is not, libllava looks beside itself and where LibTorch was at build time.
"""

import ctypes
import importlib.util
import os
import pathlib
import re
import sys

VERSION = "2.11"  # major and minor, as in tools/pins.txt
_LIBRARIES = ("libc10.so", "libtorch_cpu.so")


def _installed() -> tuple[pathlib.Path, str] | None:
    """Folder and version of the package torch, without importing it."""
    if (loaded := sys.modules.get("torch")) is not None and loaded.__file__:
        return pathlib.Path(loaded.__file__).parent, str(loaded.__version__)
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    package = pathlib.Path(spec.submodule_search_locations[0])
    try:
        text = (package / "version.py").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None  # a folder of that name, no package
    found = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)", text, re.M)
    return package, found[1] if found else "of unknown version"


def _checked() -> pathlib.Path | None:
    installed = _installed()
    if installed is None:
        return None
    package, version = installed
    if not re.match(re.escape(VERSION) + r"(\.|$)", version):
        raise ImportError(
            f"llava was built for torch {VERSION}, but torch {version} is installed in {package}; one process holds one "
            f"LibTorch. Install torch {VERSION} (pip install 'torch=={VERSION}.*'), or a llava built for torch {version}."
        )
    return package / "lib"


def folder() -> str | None:
    """Where the libraries of the installed torch lie; None without one. Raises ImportError for another version."""
    place = _checked()
    return str(place) if place else None


def load() -> None:
    """Loads LibTorch and libllava. Raises ImportError that says every place it looked, and what to install. What is there
    but does not load is the error: another place would hide what is wrong with it."""
    place = _checked()
    folder_of_package = pathlib.Path(__file__).resolve().parent
    library = next(folder_of_package.glob("libllava.so.*"), None)
    if library is None:
        raise ImportError(f"libllava.so is not in {folder_of_package}: install llava with pip")
    advice = f"Install LibTorch with pip install 'torch=={VERSION}.*'."
    for file in (place / name for name in _LIBRARIES if place is not None):
        try:
            ctypes.CDLL(str(file))
        except OSError as error:
            raise ImportError(f"LibTorch {VERSION} of the installed torch cannot be loaded: {file}: {error}. {advice}") from error
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        if not any(name in str(error) for name in _LIBRARIES):
            raise ImportError(f"{library} is there, but cannot be loaded: {error}") from error
        places = ["the package torch, which is not installed", str(folder_of_package), str(folder_of_package.parent / "torch" / "lib"),
                  "where llava was built", f"LD_LIBRARY_PATH={os.environ.get('LD_LIBRARY_PATH', '')}", "the system"]  # fmt: skip
        looked = "".join(f"\n  - {each}" for each in places)
        raise ImportError(f"LibTorch {VERSION} cannot be loaded: {error}. Looked in:{looked}\n{advice}") from error
