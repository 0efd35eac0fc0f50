"""Threads: two on two sessions, two on one; the GIL is free while the library computes."""

import threading
import time

import pytest
from conftest import LONG, PICTURE, QUESTION, SCENES

import llava


def test_two_threads_on_two_sessions_answer_as_one_does(model: llava.Model) -> None:
    expected = model.ask("hi", **LONG).tokens
    answers: list[list[int]] = []

    def ask() -> None:
        with model.session() as session:
            for _ in range(3):
                session.reset()
                answers.append(session.chat("hi", **LONG).tokens)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 6


def test_the_second_thread_on_one_session_gets_busy(session: llava.Session) -> None:
    started = threading.Event()

    def ask() -> None:
        session.chat("hi", on_event=lambda event: started.set(), **LONG)  # type: ignore[misc]

    thread = threading.Thread(target=ask)
    thread.start()
    started.wait(10)
    with pytest.raises(llava.BusyError) as caught:
        session.chat("hi")
    assert caught.value.status == llava.Status.BUSY
    thread.join()
    assert len(session.chat(QUESTION, PICTURE).text) > 0


def test_a_session_is_busy_while_its_stream_runs(session: llava.Session) -> None:
    stream = session.stream("hi", **LONG)
    next(stream)
    for call in (lambda: session.chat("x"), lambda: session.append("x"), lambda: session.rewind(0), session.fork):
        with pytest.raises(llava.BusyError):
            call()
    assert repr(session).startswith("<llava.Session ")
    stream.close()
    assert session.chat("hi", max_tokens=1).tokens


def test_the_second_thread_on_one_stream_gets_busy_or_its_share(session: llava.Session) -> None:
    stream = session.stream("hi", **LONG)
    events: list[llava.Event] = []
    busy: list[llava.BusyError] = []

    def pull() -> None:
        while True:
            try:
                events.append(next(stream))
            except StopIteration:
                return
            except llava.BusyError as error:
                busy.append(error)
                time.sleep(0.001)

    threads = [threading.Thread(target=pull) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([event for event in events if event.token is not None]) == 400
    assert len({event.index for event in events if event.token is not None}) == 400


def test_other_threads_run_while_the_library_computes(session: llava.Session) -> None:
    gaps: list[float] = []
    done = threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    for _ in range(3):
        session.reset()
        session.chat("hi", **LONG)
    took = time.perf_counter() - begin
    done.set()
    thread.join()
    assert len(gaps) > 10 and max(gaps) < took / 2


def test_a_log_line_reaches_logging_once_the_call_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    llava.set_log_level("debug")
    try:
        with caplog.at_level("DEBUG", logger="llava"):
            with llava.load(SCENES) as model:
                model.ask("hi", max_tokens=1)
    finally:
        llava.set_log_level("warning")
    assert all(record.name == "llava" for record in caplog.records)
    with pytest.raises(ValueError, match="level is 'loud', expected one of debug"):
        llava.set_log_level("loud")  # type: ignore[arg-type]


