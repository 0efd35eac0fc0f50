"""What all objects of the library share: close(), `with`, and paths, texts and times on their way in."""

import logging
import os
import sys
from typing import Generic, Protocol, Self, TypeVar

from ._errors import LlavaError


logger = logging.getLogger("llava")


class Closeable(Protocol):
    """An object of the extension."""

    def close(self) -> None:
        """Gives the object back."""

    @property
    def closed(self) -> bool:
        """Whether it was."""


Native = TypeVar("Native", bound=Closeable)


class Handle(Generic[Native]):
    """An object of the library."""

    _native: Native
    _heavy = False
    """dropping one that is open is worth a line of the log"""

    def __init__(self, native: Native) -> None:
        self._native = native

    def close(self) -> None:
        """Frees the object now. Waits for calls of other threads on it; a second close() does nothing."""
        self._native.close()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._native.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._heavy and hasattr(self, "_native") and not self.closed and not sys.is_finalizing():
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug("%s was not closed, and is freed with its last reference", repr(self))  # not itself: it goes

    def __repr__(self) -> str:
        return f"<llava.{type(self).__name__}{self._describe_open()}>"

    def _describe_open(self) -> str:
        if self.closed:
            return " closed"
        try:
            text = self._describe()
        except LlavaError as error:  # repr() does not fail: busy, closed by another thread
            text = f"({error.status.name.lower()})"
        return f" {text}" if text else ""

    def _describe(self) -> str:
        """What repr() says of an open object."""
        return ""


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    """A path as the system has it, whatever its encoding."""
    return os.fsencode(path)


def optional_path(path: str | os.PathLike[str] | None) -> bytes:
    """The same; None is none."""
    return b"" if path is None else path_bytes(path)


def checked_text(text: str, name: str) -> str:
    """A text that is UTF-8: a lone surrogate is refused here, where its place can be named."""
    if not isinstance(text, str):
        raise TypeError(f"{name} is of type {type(text).__name__}, expected a str")
    text.encode()
    return text


def milliseconds(timeout: float | None) -> int:
    """Seconds as the library counts; None is none."""
    if timeout is None:
        return -1
    if not timeout >= 0:
        raise ValueError(f"timeout is {timeout!r}, expected seconds, 0 or more")
    return min(round(1000 * timeout), 2**53)
