"""Runs of several processes: stopped, and ended at once."""

import os
import pathlib
import signal
import time

import pytest
from conftest import TINY
from training import ENDLESS, snapshots, write_records

import llava


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Records to train on."""
    return write_records(tmp_path_factory.mktemp("records"))


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where a run goes."""
    return tmp_path / "tuned 🦙"


def test_ctrl_c_stops_several_processes_and_they_save(data: pathlib.Path, out: pathlib.Path) -> None:
    def interrupt(event: llava.TrainEvent) -> None:
        if event.type == "step" and event["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        llava.train(TINY, data, out, on_event=interrupt, **(ENDLESS | {"batch": 2, "nproc": 2}))
    assert len(snapshots(out)) == 1
    with pytest.raises(ZeroDivisionError):
        llava.train(TINY, data, out, on_event=lambda event: bool(1 // 0), **(ENDLESS | {"batch": 2, "nproc": 2}))


def test_several_processes_are_ended_at_once(data: pathlib.Path, out: pathlib.Path) -> None:
    def second(event: llava.TrainEvent) -> None:
        for _ in range(2 if event.type == "step" else 0):
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
            except KeyboardInterrupt:  # swallowed by the program: the run ends all the same
                time.sleep(0.05)

    with llava.Cancel() as abandon:

        def at_once(event: llava.TrainEvent) -> None:
            if event.type == "step":
                abandon.cancel()

        for heard, token in ((at_once, abandon), (second, None)):
            with pytest.raises(llava.CancelledError, match="ended at once"):
                llava.train(TINY, data, out, on_event=heard, abandon=token, **(ENDLESS | {"batch": 2, "nproc": 2}))
            assert snapshots(out) == []
