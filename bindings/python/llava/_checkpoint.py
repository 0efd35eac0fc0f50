"""Checkpoints on disk."""

import json
import os
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypedDict, Unpack

from . import _llava
from ._adapter import Adapter
from ._handle import Handle, optional_path, path_bytes
from ._system import Cancel
from ._values import LoadProgress

Path: TypeAlias = str | os.PathLike[str]
Dtype = Literal["auto", "f32", "f16", "bf16"]
Progress: TypeAlias = "Callable[[LoadProgress], bool | None] | None"
"""Is told how far a call is; False stops it (CancelledError), what it raises leaves the call."""


class LoadOptions(TypedDict, total=False):
    """How a model is loaded: keywords of load() and plan()."""

    device: str
    """ "cpu", "cuda:0", ...; "auto": the first card, else the CPU"""
    dtype: Dtype
    """of the weights; "auto": as stored"""
    template: str
    """conversation template; "": as the checkpoint says"""
    max_context: int
    """positions a session may hold; 0: as the checkpoint says"""
    verify: bool
    """look for NaN and infinity in every weight"""
    vision_tower: Path | None
    """folder of a vision tower"""
    projector: Path | None
    """file of a projector"""
    adapter: Path | None
    """folder of a LoRA to attach"""
    adapter_scale: float
    tile_rule: Literal["auto", "original", "hf"]
    """whose rule cuts pictures into tiles (LLaVA-NeXT)"""
    allow_pickle: bool
    """False: torch's files (.bin, .pt) are refused"""
    mmap: bool
    """False: weights are read into memory of the process, as much as their files are large, and what becomes of the files
    later does not matter; True: they are mapped, and a call that finds one cut or written to raises IoError"""


class SaveOptions(TypedDict, total=False):
    """How a checkpoint is written: keywords of Model.save(), convert(), merge_delta(), merge_adapter()."""

    layout: Literal["keep", "hf", "original"]
    dtype: Dtype
    """of all numbers; "auto": as stored"""
    overwrite: bool
    """a model folder of that name gives way"""
    shard_bytes: int
    """most bytes of tensors in one file"""
    vision_tower: Path | None
    """convert(): folder of the vision tower"""
    projector: Path | None
    """convert(): file of the projector"""


_LOAD = {"device": "", "dtype": "auto", "template": "", "max_context": 0, "verify": False, "vision_tower": b"",
         "projector": b"", "adapter": b"", "adapter_scale": 1.0, "tile_rule": "auto", "allow_pickle": True,
         "mmap": True}  # fmt: skip
_SAVE = {"layout": "keep", "dtype": "auto", "overwrite": False, "shard_bytes": 5_000_000_000, "vision_tower": b"",
         "projector": b""}  # fmt: skip
_PATHS = ("vision_tower", "projector", "adapter")


def _filled(defaults: dict[str, Any], given: dict[str, Any], call: str) -> dict[str, Any]:
    for name in given:
        if name not in defaults:
            raise TypeError(f"{call}() got an unexpected keyword argument '{name}'")
    return defaults | {name: optional_path(value) if name in _PATHS else value for name, value in given.items()}


def load_options(given: dict[str, Any], call: str) -> dict[str, Any]:
    """All options of loading as the extension takes them."""
    return _filled(_LOAD, given, call)


def native_progress(progress: Progress) -> Callable[[str, int, int, str], bool | None] | None:
    """A progress callback as the extension calls it."""
    return None if progress is None else lambda *values: progress(LoadProgress(*values))


def _common(progress: Progress, cancel: Cancel | None, options: Any, call: str) -> dict[str, Any]:
    return {
        "progress": native_progress(progress),
        "cancel": cancel._native if cancel else None,
        **_filled(_SAVE, options, call),
    }


def plan(path: Path, **options: Unpack[LoadOptions]) -> dict[str, Any]:
    """What loading a checkpoint would find and take; no weight is read."""
    found: dict[str, Any] = json.loads(_llava.plan_json(path_bytes(path), **load_options(dict(options), "plan")))
    return found


def save(
    model: _llava.Model, target: Path, progress: Progress, cancel: Cancel | None, options: SaveOptions
) -> None:
    """Model.save()."""
    _llava.save(model, path_bytes(target), **_common(progress, cancel, options, "save"))


def convert(
    path: Path, target: Path, *, progress: Progress = None, cancel: Cancel | None = None, **options: Unpack[SaveOptions]
) -> None:
    """Writes a checkpoint in another layout or dtype without loading it."""
    _llava.convert(path_bytes(path), path_bytes(target), **_common(progress, cancel, options, "convert"))


def merge_delta(
    base: Path,
    delta: Path,
    target: Path,
    *,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[SaveOptions],
) -> None:
    """Adds delta weights to the LLaMA they were made from, and writes the sum."""
    common = _common(progress, cancel, options, "merge_delta")
    _llava.merge_delta(path_bytes(base), path_bytes(delta), path_bytes(target), **common)


def merge_adapter(
    model: Handle[_llava.Model],
    adapter: Adapter,
    target: Path,
    *,
    scale: float = 1,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[SaveOptions],
) -> None:
    """Writes a model with a LoRA in its weights."""
    common = _common(progress, cancel, options, "merge_adapter")
    _llava.merge_adapter(model._native, adapter._native, scale, path_bytes(target), **common)
