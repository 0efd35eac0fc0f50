"""How far a run is, for people: tqdm's bar where it is installed, else a line on standard error."""

import importlib
import importlib.util
import sys
import time
from typing import Any

_SECONDS_BETWEEN = 10.0
_SECONDS_ON_TERMINALS = 0.2


class _Line:
    """One line that is written over on a terminal, and now and then a new one elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._terminal = sys.stderr.isatty()
        self._last = 0.0
        self._unended = False  # the cursor stands behind a line of steps

    def step(self, done: int, text: str) -> None:
        now = time.monotonic()
        pause = _SECONDS_ON_TERMINALS if self._terminal else _SECONDS_BETWEEN
        if done < self._total and self._last and now - self._last < pause:
            return
        self._last = now
        self._unended = self._terminal
        line = f"step {done}/{self._total}  {text}"
        print(f"\r{line}\033[K" if self._terminal else line, end="" if self._terminal else "\n", file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        self._unended = False
        print(f"\r{text}\033[K" if self._terminal else text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._unended:
            print(file=sys.stderr)


class _Bar:
    """tqdm's, a widget in notebooks."""

    def __init__(self, tqdm: Any, total: int, done: int) -> None:
        self._bar = tqdm(total=total, initial=done, unit="step")

    def step(self, done: int, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update(done - self._bar.n)

    def say(self, text: str) -> None:
        self._bar.write(text, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()


class Progress:
    """Shows the events of a run."""

    def __init__(self) -> None:
        self._shown: _Line | _Bar | None = None

    def open(self, total: int, done: int) -> None:
        """Begins; a "start" event does it too."""
        self._shown = _open(total, done)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown is not None:
            self._shown.close()

    def tell(self, event: dict[str, Any]) -> None:
        """Takes an event."""
        kind = event["event"]
        if kind == "start" and self._shown is None:
            self.open(event["steps"], event["step"])
        if self._shown is None:
            return
        if kind == "step":
            self._shown.step(event["step"], f"loss {event['loss']:.4f}, {event['samples_per_second']:.1f} samples/s")
        elif kind == "evaluation":
            self._shown.say(f"step {event['step']}: held-out loss {event['eval_loss']:.4f}")
        elif kind in ("skipped", "save_failed", "warning"):
            what = {"skipped": "left out", "save_failed": "not saved", "warning": "warning"}[kind]
            self._shown.say(f"{what}: {event['message']}")


def _open(total: int, done: int) -> _Line | _Bar:
    if importlib.util.find_spec("tqdm") is None:
        return _Line(total)
    return _Bar(importlib.import_module("tqdm.auto").tqdm, total, done)
