"""Visual instruction tuning: records and a model to a model."""

import asyncio
import json
import os
import pathlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple, Self, TypeAlias, Unpack

from . import _llava
from ._checkpoint import Progress as LoadProgressCallback
from ._dataset import Dataset
from ._errors import BusyError, CancelledError, ClosedError, LlavaError, UnsupportedError
from ._handle import Handle, path_bytes
from ._model import Model
from ._progress import Progress
from ._system import Cancel
from ._train_options import Path, TrainOptions, native_options
from ._values import LoadProgress

_POLL_MS = 100
_ALL = 2**62


EventType = Literal["start", "progress", "step", "estimate", "skipped", "diverged", "evaluation", "answer", "saved", "save_failed", "result",
                    "warning"]  # fmt: skip


class TrainEvent(dict[str, Any]):
    """What happened in a run, by name: event["loss"]; str() of it is a line for people.

    A "step" has step, steps, epoch, loss, lr, grad_norm, samples, tokens, labels, seconds, data_seconds,
    samples_per_second, tokens_per_second, tflops, eta_seconds, resident_bytes, and where it is so clipped, empty, cut; an "estimate", after ten steps,
    seconds_per_step and seconds_left.
    """

    @property
    def type(self) -> EventType:
        """What kind."""
        kind: EventType = self["event"]
        return kind

    def __str__(self) -> str:
        if self.type == "step":
            return f"step {self['step']}/{self['steps']}  loss {self['loss']:.4f}  lr {self['lr']:.2e}"
        told = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in self.items())
        return "  ".join([self.type, *(text for text in told if not text.startswith("event "))])


EventCallback: TypeAlias = "Callable[[TrainEvent], bool | None] | None"
"""Is told what happens in a run; False stops it after the step, what it raises leaves the call."""


class TrainMetrics(NamedTuple):
    """Where a run stands; numbers of the last step are 0 before the first."""

    finished: bool
    """all steps are done and the result is written"""
    step: int
    """steps done, those before a resume included"""
    steps: int
    """of the whole run"""
    samples: int
    tokens: int
    """positions"""
    labels: int
    """learned tokens"""
    loss: float
    lr: float
    grad_norm: float
    """before clipping"""
    seconds: float
    eval_loss: float | None
    """of the last evaluation"""


def _event(text: str) -> TrainEvent:
    return TrainEvent(json.loads(text))


class Trainer(Handle[_llava.Trainer]):
    """A run that is stepped by its caller: iterating over it trains and hands out events.

        with llava.Trainer("llava-1.5-7b-hf", "records.json", "tuned", stage=2) as trainer:
            for event in trainer:                         # or: async for
                print(event)

    The loop trains on its own thread, one step each time the events of the last one are used up; leaving it holds the
    run, another loop goes on. Ctrl-C finishes the step, saves a snapshot and raises KeyboardInterrupt (a second Ctrl-C
    leaves the step too). Leaving `with` before the end saves, unless the library failed; the same arguments go on.

    model     folder of the checkpoint to start from
    data      LLaVA's JSON or JSONL of records, or a Dataset
    out_dir   folder of the run, and of the model that comes out
    cancel    stops it at once, from any thread: run() raises CancelledError
    options   see TrainOptions
    """

    _heavy = True

    def __init__(
        self,
        model: Path,
        data: Path | Dataset,
        out_dir: Path,
        *,
        cancel: Cancel | None = None,
        **options: Unpack[TrainOptions],
    ) -> None:
        ranks = options.get("nproc", 1)
        if ranks > 1:
            raise UnsupportedError(f"nproc is {ranks}: a Trainer is one process; llava.train() starts several")
        native, paths = native_options({"data": data, "out_dir": out_dir, **options}, "Trainer")
        token = cancel._native if cancel else None
        super().__init__(_llava.Trainer(path_bytes(model), native, paths, token))
        self.out_dir = pathlib.Path(os.fsdecode(out_dir))
        """where the run and its result lie"""
        self._alone = ranks == 1
        self._saved_step = self.metrics.step
        self._outcome = "more"
        self._worker: ThreadPoolExecutor | None = None

    def run(self, steps: int | None = None, *, progress: bool = False) -> bool:
        """Trains for at most so many steps, None for all; True when the run is through, False also after stop().

        progress   show a bar: tqdm's where it is installed, else a line on standard error
        """
        if not progress:
            return self._native.run(_ALL if steps is None else steps) == "through"
        metrics = self.metrics
        with Progress() as shown:
            shown.open(metrics.steps, metrics.step)
            for _ in range(_ALL if steps is None else steps):
                outcome = self._native.run(1)
                for event in self._pulled():
                    shown.tell(event)
                if outcome != "more":
                    return outcome == "through"
        return False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> TrainEvent:
        event = self._step_for_event()
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> AsyncIterator[TrainEvent]:
        return self

    async def __anext__(self) -> TrainEvent:
        if self._worker is None:  # one thread for all steps: each thread that computes has helpers of its own
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="llava-trainer")
        loop = asyncio.get_running_loop()
        step = loop.run_in_executor(self._worker, self._step_for_event)
        try:
            event = await asyncio.shield(step)
        except asyncio.CancelledError:  # the step is finished and saved before the task ends
            await asyncio.wait([step])
            await loop.run_in_executor(self._worker, self._save_steps)
            raise
        if event is None:
            raise StopAsyncIteration
        return event

    def watch(self) -> Iterator[TrainEvent]:
        """The events of a run that another thread is in, run() for example, until it is through or closed."""
        try:
            while True:
                over = self.metrics.finished
                text = self._native.next_event(_POLL_MS)
                if text is not None:
                    yield _event(text)
                elif over:
                    return
        except ClosedError:
            return

    def stop(self) -> None:
        """Asks run() or a loop to finish its step, save and return; without one, the next returns at once. Any thread."""
        self._native.request_stop()

    def pause(self, on: bool = True) -> None:
        """Holds the run between two steps, or with False lets it go on. From any thread."""
        self._native.pause(on)

    def save(self) -> None:
        """Saves a snapshot of this moment below out_dir/checkpoints."""
        self._native.save()

    def evaluate(self) -> float:
        """The mean loss over the learned tokens of eval_data."""
        return self._native.evaluate()

    @property
    def metrics(self) -> TrainMetrics:
        """Where the run stands. From any thread."""
        return TrainMetrics(**self._native.metrics())

    def report(self) -> dict[str, Any]:
        """What is known of the run so far: "step", "samples", "first_loss", "last_loss", "settings" and more."""
        report: dict[str, Any] = json.loads(self._native.report_json())
        return report

    def close(self) -> None:
        """Frees the run; one that another thread is in finishes its step and saves. A second close() does nothing."""
        if self._worker is not None:
            self._worker.shutdown(wait=False)
            self._worker = None
        super().close()

    def __exit__(self, *raised: object) -> None:
        try:
            failed = any(isinstance(each, LlavaError) for each in raised)
            if self._alone and not failed and not self.closed:
                self._save_steps()
        finally:
            self.close()

    def _step_for_event(self) -> TrainEvent | None:
        while (text := self._native.next_event(0)) is None:
            if self._outcome != "more":
                self._outcome = "more"
                return None
            self._outcome = self._native.run(1)
        return _event(text)

    def _pulled(self) -> Iterator[TrainEvent]:
        while (text := self._native.next_event(0)) is not None:
            yield _event(text)

    def _save_steps(self) -> None:
        """A snapshot, if there are steps to lose."""
        metrics = self.metrics
        if metrics.finished or metrics.step == self._saved_step:
            return
        try:
            self._native.save()
        except BusyError:
            return  # close() lets the thread that is in it save
        self._saved_step = metrics.step

    def _describe(self) -> str:
        metrics = self.metrics
        loss = f", loss {metrics.loss:.4f}" if metrics.step and metrics.seconds else ""
        return f"{str(self.out_dir)!r} step {metrics.step} of {metrics.steps}{loss}"


def plan_training(
    model: Path,
    data: Path | Dataset,
    *,
    progress: LoadProgressCallback = None,
    cancel: Cancel | None = None,
    **options: Unpack[TrainOptions],
) -> dict[str, Any]:
    """What a run would do: reads every record and no weight, and writes nothing.

    "steps", "learning" (parameters), "records", "usable", "bad" (every record that cannot be used, and why), "tokens",
    "snapshot_bytes", "memory" (bytes by item and "total"), "settings" (what preset and options come to), and more.
    """
    native, paths = native_options({"data": data, **options}, "plan_training")

    def tell(text: str) -> bool | None:
        event = _event(text)
        return progress(LoadProgress(event["phase"], event["done"], event["total"], "")) if progress else None

    token = cancel._native if cancel else None
    listener = tell if progress else None
    plan: dict[str, Any] = json.loads(_llava.plan_training_json(path_bytes(model), native, paths, listener, token))
    return plan


def training_status(out_dir: Path) -> dict[str, Any]:
    """Where the run in a folder stands, whoever works or worked on it; changes nothing.

    "state" is running, stopped (saved), left (let go of before its end), finished, or interrupted (its process ended in
    the midst of it); "process", "host" and "began" of that process, "interruptions", and the report as it was written.
    """
    status: dict[str, Any] = json.loads(_llava.training_status_json(path_bytes(out_dir)))
    return status


def train(
    model: Path | Model,
    data: Path | Dataset,
    out_dir: Path,
    *,
    progress: bool = False,
    on_event: EventCallback = None,
    cancel: Cancel | None = None,
    abandon: Cancel | None = None,
    **options: Unpack[TrainOptions],
) -> dict[str, Any]:
    """Trains a whole stage and says what it came to: Trainer.report(). llava.load(out_dir) opens the result.

    model      folder of the checkpoint to start from, or a model, which is not changed and may be used meanwhile
    data       LLaVA's JSON or JSONL of records, or a Dataset
    out_dir    folder of the run; after an interruption the same call goes on there
    progress   show a bar: tqdm's where it is installed, else a line on standard error
    on_event   is told every event; False stops the run (CancelledError, the run is saved)
    cancel     stops it from another thread; with nproc above 1 the processes finish their step and save
    abandon    with nproc above 1: ends the processes at once, without a snapshot
    options    see TrainOptions; with nproc=N so many processes of this machine train together

    Ctrl-C finishes the step, saves and raises KeyboardInterrupt; a second one does not wait for the step, and ends the
    processes of nproc at once.
    """
    native, paths = native_options({"data": data, "out_dir": out_dir, **options}, "train")
    token, at_once = (each._native if each else None for each in (cancel, abandon))
    with Progress() as shown:

        def tell(text: str) -> bool | None:
            event = _event(text)
            if progress:
                shown.tell(event)
            return on_event(event) if on_event else None

        listener = tell if progress or on_event else None
        if isinstance(model, Model):
            found = _llava.train_stage_json(model._native, native, paths, listener, token, at_once)
        elif options.get("nproc", 1) > 1:
            found = _llava.train_launch_json(path_bytes(model), native, paths, listener, token, at_once)
        else:
            return _train_here(Trainer(model, data, out_dir, cancel=cancel, **options), progress, on_event)
    report: dict[str, Any] = json.loads(found)
    return report


def _train_here(trainer: Trainer, progress: bool, on_event: EventCallback) -> dict[str, Any]:
    through = False
    with trainer, Progress() as shown:
        if not progress and on_event is None:
            through = trainer.run()
        else:
            for event in trainer:
                if progress:
                    shown.tell(event)
                if on_event and on_event(event) is False:
                    trainer.stop()
            through = trainer.metrics.finished
        if not through:
            raise CancelledError("on_event stopped the run; it was saved")
        return trainer.report()
