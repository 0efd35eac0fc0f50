"""Training data: LLaVA's JSON or JSONL of conversations about pictures, record by record."""

import html
import json
import pathlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Literal, NamedTuple, TypedDict, Unpack, overload

from . import _llava, _png
from ._checkpoint import Path, Progress, native_progress
from ._errors import ClosedError
from ._handle import optional_path, path_bytes
from ._image import Image
from ._records import RecordReader, all_records
from ._system import Cancel


class Turn(NamedTuple):
    """One side's words."""

    speaker: str
    """ "human" or "gpt" """
    text: str
    """ "<image>" in it stands for a picture"""


class Record:
    """A conversation about pictures, or about none."""

    def __init__(self, fields: dict[str, Any], image_root: pathlib.Path) -> None:
        self.fields = fields
        """as in the file"""
        self._root = image_root

    @property
    def id(self) -> str:
        """What the file calls it; "" without a name."""
        return str(self.fields.get("id", ""))

    @property
    def image_paths(self) -> list[pathlib.Path]:
        """Its pictures' files."""
        named = self.fields.get("image") or []
        return [self._root / name for name in ([named] if isinstance(named, str) else named)]

    def images(self) -> list[Image]:
        """Its pictures."""
        return [Image(path) for path in self.image_paths]

    @property
    def turns(self) -> list[Turn]:
        """Who says what."""
        return [Turn(turn["from"], turn["value"]) for turn in self.fields.get("conversations", [])]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self.fields == other.fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        said = self.turns[0].text if self.turns else ""
        short = said if len(said) <= 60 else said[:59] + "…"
        return f"<llava.Record {self.id!r} {len(self.image_paths)} pictures, {len(self.turns)} turns: {short!r}>"

    def _repr_html_(self) -> str:
        pictures = "".join(_png.tag(image.pixels(), 192) for image in self.images())
        lines = "".join(f"<p><b>{html.escape(who)}</b> {html.escape(text)}</p>" for who, text in self.turns)
        return f"<div>{pictures}{lines}</div>"


class CheckOptions(TypedDict, total=False):
    """How data are looked at: keywords of Dataset.check() and check_dataset()."""

    labels: Literal["spans", "upstream"]
    """which tokens are learned"""
    image_place: Literal["first", "as-written", "random"]
    pictures: Literal["whole", "header", "skip"]
    """how closely they are looked at"""
    allow_outside: bool
    """pictures may lie anywhere"""
    template: str
    """conversation template; "": the model's"""
    max_length: int
    """positions of a sample; 0: the model's context"""
    seed: int
    threads: int


_CHECK = {"labels": "spans", "image_place": "first", "pictures": "whole", "allow_outside": False, "template": "",
          "max_length": 0, "seed": 42, "threads": 2}  # fmt: skip


def check_dataset(
    path: Path,
    model: Path,
    *,
    image_root: Path | None = None,
    progress: Progress = None,
    cancel: Cancel | None = None,
    **options: Unpack[CheckOptions],
) -> dict[str, Any]:
    """Reads a file of training data as a run would: its figures, and every record that cannot be used.

    model        folder of the model it is for
    image_root   folder of the pictures; None: the data file's
    """
    for name in options:
        if name not in _CHECK:
            raise TypeError(f"check_dataset() got an unexpected keyword argument '{name}'; see llava.CheckOptions")
    token = cancel._native if cancel else None
    report: dict[str, Any] = json.loads(
        _llava.check_dataset_json(
            path_bytes(path),
            path_bytes(model),
            native_progress(progress),
            token,
            image_root=optional_path(image_root),
            **(_CHECK | dict(options)),
        )
    )
    return report


class Dataset(Sequence[Record]):
    """A file of training data: iterate over its records, take one by its number, check() it for a model.

    Records are read when they are asked for; the first len() or index reads the file once to find them.

    path         a JSON list of records, or JSONL
    image_root   folder of the pictures; None: the file's own
    """

    def __init__(self, path: Path, *, image_root: Path | None = None) -> None:
        self.path = pathlib.Path(path)
        self.image_root = pathlib.Path(image_root) if image_root is not None else self.path.parent
        self._file: BinaryIO | None = open(self.path, "rb")  # noqa: SIM115
        self._starts: "array[int] | None" = None

    def __iter__(self) -> Iterator[Record]:
        for _, fields in all_records(self._open_file(), str(self.path)):
            yield Record(fields, self.image_root)

    def __len__(self) -> int:
        return len(self._index())

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self[each] for each in range(len(self))[index]]
        starts = self._index()
        place = range(len(starts))[index]
        reader = RecordReader(self._open_file(), str(self.path), starts[place])
        return Record(reader.record(place + 1), self.image_root)

    def check(
        self, model: Path, *, progress: Progress = None, cancel: Cancel | None = None, **options: Unpack[CheckOptions]
    ) -> dict[str, Any]:
        """What is in the file with the eyes of a model, and every record that cannot be used: "records", "usable", "bad",
        "tokens", "learned_tokens", "pictures", "turns" and more. No weight is read."""
        return check_dataset(
            self.path, model, image_root=self.image_root, progress=progress, cancel=cancel, **options
        )

    def close(self) -> None:
        """Closes the file; a second close() does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._file is None

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise ClosedError("Dataset is closed, expected an open one")
        return self._file

    def _index(self) -> "array[int]":
        if self._starts is None:
            found = all_records(self._open_file(), str(self.path))
            self._starts = array("q", (start for start, _ in found))
        return self._starts

    def __enter__(self) -> "Dataset":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self.close()

    def __repr__(self) -> str:
        count = "" if self._starts is None else f" {len(self._starts)} records"
        return f"<llava.Dataset {str(self.path)!r}{' closed' if self.closed else count}>"
