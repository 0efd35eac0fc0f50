"""Objects and their ends: any order, twice, too early, from another thread, never."""

import gc
import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from conftest import LEAK_BYTES, LONG, PICTURE, QUESTION, REPEAT, SCENES, TINY, resident_bytes

import llava
from llava._handle import Closeable


def test_every_order_of_closing_is_right(nothing_left: None) -> None:
    for order in itertools.permutations(range(5)):
        model = llava.load(TINY)
        session = model.session()
        embedding = model.encode(PICTURE)
        stream = session.stream("hi", embedding, max_tokens=2)
        next(stream)
        answer = model.ask("hi", max_tokens=1)
        objects: list[Closeable] = [model, session, embedding, stream, answer]
        for index in order:
            objects[index].close()
            objects[index].close()  # a second time does nothing
            assert objects[index].closed and "closed" in repr(objects[index])


def test_use_after_close_is_a_clear_error(model: llava.Model, nothing_left: None) -> None:
    image, session, cancel = llava.Image(PICTURE), model.session(), llava.Cancel()
    embedding, message, decoder = model.encode(image), llava.Message.user("hi"), llava.Decoder(model)
    stream, answer = session.stream("hi", max_tokens=1), model.ask("hi", max_tokens=1)
    for closed in (image, embedding, message, decoder, stream, answer, session, cancel):
        closed.close()
    uses: list[Callable[[], object]] = [
        lambda: image.width,
        lambda: image.pixels(),
        lambda: embedding.tensor(),
        lambda: message.text,
        lambda: decoder.push(1),
        lambda: next(stream),
        lambda: stream.cancel(),
        lambda: answer.text,
        lambda: session.chat("hi"),
        lambda: session.stats,
        lambda: cancel.cancel(),
        lambda: model.ask("hi", cancel=cancel),
        lambda: model.ask("hi", embedding),
        lambda: model.encode(image),
    ]
    for use in uses:
        with pytest.raises(ValueError, match="is closed, expected an open one") as caught:
            use()
        assert isinstance(caught.value, llava.ClosedError)
    with llava.load(TINY) as other:
        pass
    with pytest.raises(llava.ClosedError, match="Model is closed"):
        other.session()


def test_children_outlive_their_parents(nothing_left: None) -> None:
    with llava.load(SCENES) as model:
        session = model.session()
        embedding = model.encode(PICTURE)
        numbers = memoryview(embedding.tensor())
    first = numbers.tobytes()
    embedding.close()
    assert session.chat(QUESTION, PICTURE).text == "four"
    assert numbers.tobytes() == first
    session.close()


def test_closing_a_session_waits_for_the_call_under_way(model: llava.Model) -> None:
    session = model.session()
    answers: list[llava.Response] = []
    thread = threading.Thread(target=lambda: answers.append(session.chat("hi", **LONG)))
    thread.start()
    time.sleep(0.03)
    session.close()
    ended = len(answers) == 1 or not thread.is_alive()
    thread.join()
    assert ended or len(answers[0].tokens) == 400
    with pytest.raises(llava.ClosedError):
        session.chat("hi")


def test_closing_a_stream_cancels_it_and_frees_the_session(model: llava.Model, session: llava.Session) -> None:
    stream = session.stream("hi", **LONG)
    failures: list[BaseException] = []

    def pull() -> None:
        try:
            for _ in stream:
                pass
        except llava.LlavaError as error:
            failures.append(error)

    thread = threading.Thread(target=pull)
    thread.start()
    time.sleep(0.03)
    stream.close()
    thread.join()
    assert isinstance(failures[0], (llava.CancelledError, llava.ClosedError))
    assert session.stats.turns == 0
    assert session.chat(QUESTION, PICTURE).text == "four"


def test_a_callback_may_close_what_it_serves(model: llava.Model, nothing_left: None) -> None:
    session = model.session()
    answer = session.chat(QUESTION, PICTURE, on_event=lambda event: session.close())
    assert answer.text == "four" and session.closed
    answer.close()


def test_an_abandoned_stream_gives_the_session_back(session: llava.Session) -> None:
    for event in session.stream("hi", **LONG):
        if event.type == "text":
            break
    gc.collect()
    assert session.chat(QUESTION, PICTURE).text == "four"


def one_round(model: llava.Model, fail: bool) -> None:
    """A bit of everything, with a failure now and then; nothing is closed by hand."""
    session = model.session()
    image = llava.Image(PICTURE)
    embedding = model.encode(image)
    memoryview(embedding.tensor())
    assert len(list(session.stream("hi", image, max_tokens=2))) > 2
    session.chat(llava.Message.user(embedding, "hi"), max_tokens=2)._repr_html_()
    model.forward([1, 5], last_only=True)
    session.fork()
    if fail:
        with pytest.raises(llava.LlavaError):
            session.chat("hi" * 3000)
        with pytest.raises(ZeroDivisionError):
            session.chat("hi", max_tokens=2, on_event=lambda event: 1 // 0)  # type: ignore[arg-type, return-value]


def test_nothing_leaks(tiny: llava.Model) -> None:
    for index in range(20):
        one_round(tiny, index % 5 == 0)
    gc.collect()
    objects, memory = llava.live_objects(), resident_bytes()
    for index in range(REPEAT):
        one_round(tiny, index % 5 == 0)
    gc.collect()
    assert llava.live_objects() == objects
    assert resident_bytes() - memory < LEAK_BYTES


def test_models_do_not_leak() -> None:
    for _ in range(3):
        llava.load(TINY).close()
    objects, memory = llava.live_objects(), resident_bytes()
    for _ in range(REPEAT // 5):
        with llava.load(TINY) as model:
            model.session()
    assert llava.live_objects() == objects
    assert resident_bytes() - memory < LEAK_BYTES


EXIT = """
import sys, threading, time
import llava
model = llava.load(sys.argv[1])
session = model.session()
stream = session.stream("hi", ignore_eos=True, max_tokens=400)
next(stream)
numbers = memoryview(model.encode(sys.argv[2]).tensor())
{}
"""
WAYS = {
    "with open handles": "",
    "with handles in a cycle": "kept = [model, session]; kept.append(kept)",
    "during a call": "other = model.session()\n"
    "threading.Thread(target=lambda: [other.chat('hi', ignore_eos=True, max_tokens=400), other.reset()], daemon=True).start()\n"
    "time.sleep(0.05)",
    "during a stream": "other = model.session()\n"
    "def pull():\n  while True:\n    other.reset()\n    for _ in other.stream('hi', ignore_eos=True, max_tokens=400): pass\n"
    "threading.Thread(target=pull, daemon=True).start()\ntime.sleep(0.05)",
    "by an exception": "sys.excepthook = lambda *_: None\nraise ValueError",
}


@pytest.mark.parametrize("way", WAYS)
def test_the_process_ends_quietly(way: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", EXIT.format(WAYS[way]), str(SCENES), str(PICTURE)], capture_output=True, timeout=60
    )
    assert (run.returncode, run.stderr, run.stdout) == (1 if "exception" in way else 0, b"", b"")


def test_a_forked_child_is_told_and_the_parent_goes_on(tiny: llava.Model) -> None:
    code = (
        "import os, sys, llava\nmodel = llava.load(sys.argv[1])\nchild = os.fork()\n"
        "if child == 0:\n  try: model.ask('hi')\n  except llava.StateError: os._exit(7)\n  os._exit(1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7\nassert model.ask('hi', max_tokens=1).tokens\n"
    )
    subprocess.run([sys.executable, "-c", code, str(TINY)], check=True, timeout=60)
