"""One exception for each status of the library; each is also the built-in exception that fits."""

import builtins
import enum
import json
from typing import Any


class Status(enum.IntEnum):
    """The library's statuses, as in `base.h`."""

    OK = 0
    INVALID_ARGUMENT = 1
    STATE = 2
    BUSY = 3
    NOT_FOUND = 4
    IO = 5
    FORMAT = 6
    UNSUPPORTED = 7
    ABI = 8
    OUT_OF_MEMORY = 9
    DEVICE_MEMORY = 10
    DEVICE = 11
    CONTEXT_FULL = 12
    LIMIT = 13
    CANCELLED = 14
    TIMEOUT = 15
    CALLBACK = 16
    BUFFER_TOO_SMALL = 17
    GRAMMAR = 18
    DISTRIBUTED = 19
    DIVERGED = 20
    END = 21
    WOULD_BLOCK = 22
    INTERNAL = 99


class LlavaError(Exception):
    """A call failed. The text says where, what was found and what was expected; what the call was to change is as before."""

    status: Status = Status.INTERNAL
    """What kind of failure."""
    details: dict[str, Any]
    """The numbers behind the text, for example {"needed": 700, "limit": 512}."""
    function: str
    """The function of the library that failed."""

    def __init__(self, message: str, details: dict[str, Any] | None = None, function: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self.function = function

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later: busy, out of memory, out of time."""
        return self.status in (Status.BUSY, Status.OUT_OF_MEMORY, Status.DEVICE_MEMORY, Status.TIMEOUT, Status.WOULD_BLOCK)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.details, self.function)


class InvalidArgumentError(LlavaError, ValueError):
    """An argument is out of range, of the wrong shape, not UTF-8, or of another model."""

    status = Status.INVALID_ARGUMENT


class ClosedError(InvalidArgumentError):
    """An object was used after close()."""


class StateError(LlavaError, RuntimeError):
    """Calls in the wrong order: a finished stream, a forked process."""

    status = Status.STATE


class BusyError(LlavaError, RuntimeError):
    """In use by another thread or a stream; the same call may succeed later."""

    status = Status.BUSY


class NotFoundError(LlavaError, FileNotFoundError):
    """A file, tensor, feature or other name does not exist."""

    status = Status.NOT_FOUND


class IoError(LlavaError, OSError):
    """Reading or writing failed; the disk is full."""

    status = Status.IO


class FormatError(LlavaError, ValueError):
    """A damaged or unknown checkpoint, picture or JSON."""

    status = Status.FORMAT


class UnsupportedError(LlavaError, NotImplementedError):
    """Valid, but not in this build, model or device."""

    status = Status.UNSUPPORTED


class AbiError(LlavaError, ImportError):
    """The extension and the library, or the library and LibTorch, do not fit."""

    status = Status.ABI


class OutOfMemoryError(LlavaError, MemoryError):
    """The host's memory is used up."""

    status = Status.OUT_OF_MEMORY


class DeviceMemoryError(LlavaError, MemoryError):
    """The device's memory is used up; details has needed, free and cached."""

    status = Status.DEVICE_MEMORY


class DeviceError(LlavaError, RuntimeError):
    """CUDA or its driver failed."""

    status = Status.DEVICE


class ContextFullError(LlavaError, ValueError):
    """Too long for the model; details has needed and limit."""

    status = Status.CONTEXT_FULL


class LimitError(LlavaError, ValueError):
    """A documented limit (pixels, file size, ...) is exceeded."""

    status = Status.LIMIT


class CancelledError(LlavaError):
    """A Cancel token was used."""

    status = Status.CANCELLED


class TimeoutError(LlavaError, builtins.TimeoutError):
    """The operation's deadline passed."""

    status = Status.TIMEOUT


class CallbackError(LlavaError, RuntimeError):
    """A callback failed without an exception; one that raises comes out of the call as it is."""

    status = Status.CALLBACK


class BufferTooSmallError(LlavaError, BufferError):
    """A buffer is too small."""

    status = Status.BUFFER_TOO_SMALL


class GrammarError(LlavaError, ValueError):
    """A grammar cannot be compiled or continued."""

    status = Status.GRAMMAR


class DistributedError(LlavaError, ConnectionError):
    """Ranks could not meet, one was lost, or they differ."""

    status = Status.DISTRIBUTED


class DivergedError(LlavaError, ArithmeticError):
    """Numbers became NaN or infinite."""

    status = Status.DIVERGED


class InternalError(LlavaError, RuntimeError):
    """A defect of the library."""

    status = Status.INTERNAL


_CLASSES = {made.status: made for made in LlavaError.__subclasses__()}


def make(code: int, message: str, details: str) -> LlavaError:
    """The exception of a failed call; the extension asks for it."""
    known = json.loads(details) if details else {}
    made = _CLASSES.get(Status(code), InternalError)
    return made(message, known.get("details", {}), known.get("function", ""))
