"""JSON objects out of a long file, one after the other: a list of them, or one a line."""

import codecs
import json
import os
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from ._errors import FormatError

_CHUNK = 1 << 20
_RECORD_BYTES = 16 << 20  # no record is longer, as in src/base/limits.hpp
_spaces = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


class RecordReader:
    """Reads from a byte of a file on; `name` is for messages."""

    def __init__(self, file: BinaryIO, name: str, start: int = 0) -> None:
        self._descriptor = file.fileno()
        self._name = name
        self._next = start  # byte of the file that is read next
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0
        self.byte = start
        """where it stands in the file"""

    def peek(self) -> str:
        """The next letter that is no space; "" at the end."""
        while True:
            match = _spaces.match(self._text, self._at)
            assert match is not None  # it fits nothing at all, too
            self._advance(match.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(_CHUNK):
                return ""

    def expect(self, letter: str, number: int) -> None:
        """Goes on behind that letter, which stands before record `number`."""
        if self.peek() != letter:
            self._fail(number, f"there is {self.peek()!r}, expected {letter!r}")
        self._advance(self._at + 1)

    def record(self, number: int) -> dict[str, Any]:
        """The next object, which is the file's `number`th."""
        size = _CHUNK
        while True:
            try:
                fields, end = _decode(self._text, self._at)
                break
            except json.JSONDecodeError as error:  # broken, or not all of it is here
                if len(self._text) - self._at > _RECORD_BYTES or not self._more(size):
                    self._fail(number, error.msg)
                size *= 2
        if not isinstance(fields, dict):
            self._fail(number, f"it is of type {type(fields).__name__}, expected an object")
        self._advance(end)
        record: dict[str, Any] = fields
        return record

    def _advance(self, to: int) -> None:
        self.byte += len(self._text[self._at : to].encode())
        self._at = to

    def _more(self, size: int) -> bool:
        chunk = os.pread(self._descriptor, size, self._next)
        self._next += len(chunk)
        try:
            self._text = self._text[self._at :] + self._utf8.decode(chunk, not chunk)
        except UnicodeDecodeError as error:
            raise FormatError(f"{self._name}: behind byte {self.byte} it is no UTF-8: {error.reason}") from None
        self._at = 0
        return bool(chunk)

    def _fail(self, number: int, reason: str) -> None:
        raise FormatError(f"{self._name}: record {number} at byte {self.byte}: {reason}")


def all_records(file: BinaryIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each object with the byte it begins at."""
    reader = RecordReader(file, name)
    listed = reader.peek() == "["
    if listed:
        reader.expect("[", 1)
    number = 0
    while reader.peek() != ("]" if listed else ""):
        number += 1
        if listed and number > 1:
            reader.expect(",", number)
            reader.peek()
        start = reader.byte
        yield start, reader.record(number)
    if listed:
        reader.expect("]", number + 1)
        reader.expect("", number + 1)
