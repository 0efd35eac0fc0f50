"""Answers: whole, streamed, cancelled; equal to the command's."""

import asyncio
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from typing import Literal

import pytest
from conftest import LONG, PICTURE, QUESTION, SCENES

import llava


def command(*arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "llava", *arguments], capture_output=True, encoding="utf-8", timeout=60, check=True
    )
    return run.stdout


def test_an_answer_equals_the_commands_byte_for_byte(model: llava.Model, tmp_path: pathlib.Path) -> None:
    pictures = tmp_path / "图片 🦙"
    pictures.mkdir()
    for picture in (SCENES / "examples").glob("*.png"):
        (pictures / picture.name).symlink_to(picture)
    for question in (QUESTION, "你好 🦙: what is left of the circle?"):
        lines = command("chat", str(SCENES), "--image", str(pictures), "--prompt", question, "--greedy").splitlines()
        assert len(lines) == 3
        for told in map(json.loads, lines):
            answer = model.ask(question, told["image"], temperature=0)
            assert (answer.text, answer.tokens) == (told["text"], told["token_ids"])
            assert answer.finish_reason == told["finish_reason"]


def test_a_stream_gives_the_words_of_the_whole_answer(model: llava.Model, session: llava.Session) -> None:
    with session.stream(QUESTION, PICTURE) as stream:
        events = list(stream)
        response = stream.response
        assert stream.finish() is response
    assert "".join(map(str, events)) == response.text == model.ask(QUESTION, PICTURE).text
    assert [event.type for event in events if event.type != "token"][:3] == ["image_encoded", "prefill", "text"]
    assert events[-1].type == "done"
    assert [event.token for event in events if event.token is not None] == response.tokens
    assert response.usage.completion_tokens == len(response.tokens)
    assert response.usage.image_tokens == 9


def test_async_for_gives_the_same_events_and_the_loop_lives_on(session: llava.Session) -> None:
    async def ask() -> tuple[str, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticker = asyncio.create_task(tick())
        text = ""
        async for event in session.stream("hi", **LONG):
            text += event.text
        ticker.cancel()
        return text, ticks

    text, ticks = asyncio.run(ask())
    session.rewind(0)
    assert text == session.chat("hi", **LONG).text
    assert ticks > 10


def test_achat_answers_beside_other_tasks_and_is_cancelled_with_its_task(session: llava.Session) -> None:
    async def ask() -> llava.Response:
        task = asyncio.create_task(session.achat("hi", **LONG))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert session.stats.turns == 0
        return await session.achat(QUESTION, PICTURE, temperature=0)

    answer = asyncio.run(ask())
    assert answer.text == "four" and answer.usage.image_tokens == 9 and session.stats.turns == 2


def test_a_cancelled_task_ends_its_stream_and_leaves_the_session(session: llava.Session) -> None:
    async def ask() -> None:
        stream = session.stream("hi", **LONG)

        async def pull() -> None:
            async for _ in stream:
                pass

        task = asyncio.create_task(pull())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert session.stats.turns == 0
    assert session.chat(QUESTION, PICTURE).text


def test_a_cancel_during_prefill_leaves_the_session_as_it_was(session: llava.Session) -> None:
    cancel = llava.Cancel()

    def stop_it(event: llava.Event) -> None:
        if event.type in ("image_encoded", "prefill"):
            cancel.cancel()

    with pytest.raises(llava.CancelledError) as caught:
        session.chat(QUESTION, PICTURE, cancel=cancel, on_event=stop_it)
    assert caught.value.status == llava.Status.CANCELLED
    assert session.stats.turns == 0 and session.stats.tokens == 0
    with pytest.raises(llava.CancelledError):
        session.chat(QUESTION, PICTURE, cancel=cancel)
    cancel.reset()
    assert session.chat(QUESTION, PICTURE, cancel=cancel).text == "four"


def test_a_stream_is_cancelled_from_another_thread(session: llava.Session) -> None:
    stream = session.stream("hi", keep_on_cancel=True, **LONG)  # type: ignore[misc]
    for count, _ in enumerate(stream):
        if count == 5:
            thread = threading.Thread(target=stream.cancel)
            thread.start()
            thread.join()
    assert stream.response.finish_reason == "cancelled"
    assert 0 < len(stream.response.tokens) < 400


def test_a_deadline_is_in_seconds_and_also_a_built_in_timeout(session: llava.Session) -> None:
    with pytest.raises(TimeoutError) as caught:
        session.chat("hi", timeout=0)
    assert isinstance(caught.value, llava.TimeoutError)
    with pytest.raises(ValueError, match="timeout"):
        session.chat("hi", timeout=-1)


def interrupt_after(seconds: float) -> list[float]:
    """Ctrl-C from outside; tells when."""
    when: list[float] = []

    def send() -> None:
        time.sleep(seconds)
        when.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send).start()
    return when


@pytest.mark.parametrize("way", ["chat", "stream", "finish"])
def test_ctrl_c_stops_an_answer_within_a_tenth_of_a_second(session: llava.Session, way: str) -> None:
    waited = []
    for _ in range(5):
        session.reset()
        when = interrupt_after(0.03)
        with pytest.raises(KeyboardInterrupt):
            for _ in range(100):  # an answer takes a fraction of a second
                session.reset()
                if way == "chat":
                    session.chat("hi", **LONG)
                else:
                    with session.stream("hi", **LONG) as stream:
                        stream.finish() if way == "finish" else list(stream)
        waited.append(time.perf_counter() - when[0])
        assert session.stats.turns in (0, 2)
    assert sorted(waited)[2] < 0.1, waited
    assert session.chat("hi", max_tokens=2).tokens


@pytest.mark.parametrize("way", ["load", "encode"])
def test_ctrl_c_stops_a_load_and_an_encoding_as_soon(model: llava.Model, nothing_left: None, way: str) -> None:
    waited = []
    with llava.Image(PICTURE) as picture:
        for _ in range(3):
            when = interrupt_after(0.03)
            with pytest.raises(KeyboardInterrupt):
                for _ in range(1000):
                    if way == "load":
                        llava.load(SCENES).close()
                    else:
                        model.encode([picture] * 32)
            waited.append(time.perf_counter() - when[0])
    assert sorted(waited)[1] < 0.1, waited


def test_a_signal_handler_that_was_there_is_asked_and_told(session: llava.Session) -> None:
    seen: list[int] = []
    former = signal.signal(signal.SIGUSR1, lambda number, _: seen.append(number))
    try:
        threading.Timer(0.02, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        assert len(session.chat("hi", **LONG).tokens) == 400  # only Ctrl-C stops it
        time.sleep(0.05)
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert seen == [signal.SIGUSR1]


def test_what_a_callback_raises_comes_out_as_it_is(session: llava.Session) -> None:
    class Own(Exception):
        pass

    raised = Own("mine")

    def fail(event: llava.Event) -> None:
        if event.type == "text":
            raise raised

    with pytest.raises(Own) as caught:
        session.chat(QUESTION, PICTURE, on_event=fail)
    assert caught.value is raised
    assert any(frame.name == "fail" for frame in caught.traceback)
    assert session.stats.turns == 0
    with pytest.raises(ValueError, match="on_event is 'halt', expected one of stop, discard"):
        session.chat("hi", on_event=lambda event: "halt")  # type: ignore[arg-type, return-value]
    assert session.chat(QUESTION, PICTURE).text == "four"


def test_a_callback_may_stop_or_take_back_an_answer(session: llava.Session) -> None:
    count = 0

    def stop_after_three(event: llava.Event) -> Literal["stop"] | None:
        nonlocal count
        count += event.token is not None
        return "stop" if count == 3 else None

    stopped = session.chat("hi", on_event=stop_after_three, **LONG)  # type: ignore[misc]
    assert len(stopped.tokens) == 3
    turns = session.stats.turns
    with pytest.raises(llava.CancelledError):
        session.chat("hi", on_event=lambda event: "discard", **LONG)  # type: ignore[misc]
    assert session.stats.turns == turns


def test_a_callback_that_uses_its_own_session_finds_it_busy(session: llava.Session) -> None:
    with pytest.raises(llava.BusyError):
        session.chat("hi", on_event=lambda event: print(session.chat("ho")))
    assert session.stats.turns == 0


def test_dialogues_rewind_fork_save_and_go_on_elsewhere(model: llava.Model, tmp_path: pathlib.Path) -> None:
    session = model.session()
    session.chat(QUESTION, PICTURE)
    copy = session.fork()
    second = session.chat("What colour is the background?").text
    assert copy.chat("What colour is the background?").text == second
    session.rewind(2)
    assert session.stats.turns == 2
    path = tmp_path / "dialogue 🦙 写.safetensors"
    session.save(path)
    opened = model.load_session(path)
    assert opened.chat("What colour is the background?").text == second
    assert [turn["role"] for turn in copy.history()] == [turn.role for turn in copy.turns] == ["user", "assistant"] * 2
    with pytest.raises(llava.NotFoundError, match="named by its hash alone"):
        model.session(history=copy.history())
    first = llava.Message.user(llava.Image(PICTURE), QUESTION).to_dict()
    again = model.session(history=[first, *copy.history()[1:]])
    assert again.chat("How many?", temperature=0).text == copy.chat("How many?", temperature=0).text


def test_raw_ids_and_embeddings_make_a_turn(model: llava.Model, session: llava.Session) -> None:
    message = llava.Message.user(llava.Image(PICTURE), QUESTION)
    session.append_ids(model.prompt_ids(message), [model.encode(PICTURE)])
    assert session.answer(temperature=0).text == model.ask(QUESTION, PICTURE, temperature=0).text
    with model.session() as other:
        other.append(QUESTION, PICTURE)
        with other.stream_answer(temperature=0) as stream:
            assert stream.response.text == session.history()[-1]["content"][0]["text"]


def test_options_reach_the_answer(model: llava.Model, session: llava.Session) -> None:
    drawn = session.chat("hi", temperature=1.5, seed=7, max_tokens=20, ignore_eos=True, logprobs=2)
    again = model.ask("hi", temperature=1.5, seed=7, max_tokens=20, ignore_eos=True)
    assert drawn.tokens == again.tokens and drawn.seed == 7
    assert len(drawn.logprobs) == 20
    first = again.tokens[0]
    biased = model.ask("hi", temperature=0, max_tokens=3, ignore_eos=True, logit_bias={first: 100.0})
    assert biased.tokens == [first] * 3
    assert model.ask("hi", temperature=0, max_tokens=3, ignore_eos=True, bad_ids=[first]).tokens[0] != first
    stopped = model.ask(QUESTION, PICTURE, temperature=0, stop="ou")
    assert (stopped.text, stopped.finish_reason) == ("f", "stop_string")
    assert model.ask(QUESTION, PICTURE, temperature=0, stop=["ou"], include_stop=True).text == "fou"


def test_a_notebook_shows_the_picture_and_the_words(model: llava.Model) -> None:
    answer = model.ask("How many <b>shapes</b> are there?", PICTURE)
    shown = answer._repr_html_()
    assert '<img src="data:image/png;base64,' in shown
    assert "&lt;b&gt;shapes" in shown and "<b>" not in shown
    assert str(answer) == answer.text and answer.text in repr(answer)
    assert answer.to_dict()["choices"][0]["message"]["content"] == answer.text
