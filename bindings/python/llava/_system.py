"""Cancel tokens; versions, devices and memory of the process."""

import json
from typing import Any

from . import _llava
from ._handle import Handle, milliseconds
from ._values import DeviceInfo, DeviceMemory


class Cancel(Handle[_llava.Cancel]):
    """Asks the operations it was given to to stop, from any thread."""

    def __init__(self) -> None:
        super().__init__(_llava.Cancel())

    def cancel(self) -> None:
        """Stops them: they raise CancelledError."""
        self._native.cancel()

    def reset(self) -> None:
        """Makes the token new again. Raises BusyError while an operation uses it."""
        self._native.reset()

    @property
    def cancelled(self) -> bool:
        """Whether cancel() was called."""
        return self._native.is_cancelled()

    def set_deadline(self, timeout: float | None) -> None:
        """Lets the operations raise TimeoutError this many seconds from now; None removes the deadline."""
        self._native.set_deadline_ms(milliseconds(timeout))

    def _describe(self) -> str:
        return "cancelled" if self.cancelled else ""


def build_info() -> dict[str, Any]:
    """How the library was built: version, abi, torch, compiler, features."""
    info: dict[str, Any] = json.loads(_llava.build_info_json())
    return info


def has_feature(name: str) -> bool:
    """Whether this build has a feature: "cuda", "webp", ..."""
    return _llava.has_feature(name)


def live_objects() -> dict[str, int]:
    """Objects of the library that are alive, by type; to look for leaks."""
    counts: dict[str, int] = json.loads(_llava.live_objects_json())
    return counts


def devices() -> list[DeviceInfo]:
    """The CPU and every card that can be used."""
    return [DeviceInfo(**device) for device in _llava.devices()]


def device_memory(device: str = "cpu") -> DeviceMemory:
    """How memory stands on a device."""
    return DeviceMemory(**_llava.device_memory(device))


def device_bandwidth(device: str = "cpu") -> float:
    """Bytes a second the CPU reads from memory, which bounds how fast it answers; measures for about a second."""
    return _llava.device_bandwidth(device)


def trim() -> None:
    """Gives unused memory of all devices back."""
    _llava.trim()


def set_threads(threads: int) -> None:
    """Sets how many threads compute one operation, for the whole process. Raises BusyError while one runs."""
    _llava.set_threads(threads)
