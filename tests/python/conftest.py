"""What the tests of the Python package share. They run on the installed package, never on the source beside them."""

import gc
import os
import pathlib
from collections.abc import Iterator

import pytest

import llava

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCENES = ROOT / "models" / "scenes"
TINY = ROOT / "tests" / "golden" / "model" / "tiny"
PICTURE = SCENES / "examples" / "dotted.png"
QUESTION = "How many shapes are there?"
LONG: llava.ChatOptions = {"ignore_eos": True, "max_tokens": 400, "temperature": 0}

REPEAT = 1000 if os.environ.get("LLAVA_FULL") else 100
"""How often the leak loops run; 1000 with LLAVA_FULL set."""

LEAK_BYTES = (600 if "asan" in os.environ.get("LD_PRELOAD", "") else 6) * 2**20
"""What the leak loops may add to the memory; ASan keeps freed memory for a while."""


@pytest.fixture(scope="session")
def model() -> Iterator[llava.Model]:
    """The small model that really looks."""
    with llava.load(SCENES) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def tiny() -> Iterator[llava.Model]:
    """A random model, smaller still."""
    with llava.load(TINY) as loaded:
        yield loaded


@pytest.fixture
def session(model: llava.Model) -> Iterator[llava.Session]:
    """A fresh dialogue."""
    with model.session() as opened:
        yield opened


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """The test leaves as many objects of the library behind as it found."""
    gc.collect()
    before = llava.live_objects()
    yield
    gc.collect()
    assert llava.live_objects() == before


def resident_bytes() -> int:
    """Memory of this process."""
    pages = pathlib.Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
