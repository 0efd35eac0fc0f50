"""The conversation of README.md beside this file, in Python: conversation.py MODEL PICTURES WORK"""

import pathlib
import sys
from collections.abc import Callable
from typing import Unpack

import llava

HOW = "How many shapes are there?"
DESCRIBE = "Describe the picture."
GREEDY: llava.ChatOptions = {"temperature": 0, "max_tokens": 64}


def say(name: str, value: object) -> None:
    print(f"{name}: {value}")


def ids(values: list[int]) -> str:
    return " ".join(map(str, values))


def say_response(name: str, response: llava.Response) -> None:
    usage = response.usage
    say(f"{name}.text", response.text)
    say(f"{name}.ids", ids(response.tokens))
    say(f"{name}.finish", response.finish_reason)
    say(f"{name}.prompt", usage.prompt_tokens)
    say(f"{name}.pictures", usage.image_tokens)
    say(f"{name}.cached", usage.cached_tokens)
    say(f"{name}.completion", usage.completion_tokens)
    response.close()


def chat(name: str, session: llava.Session, text: str, picture: llava.Images = None, **options: Unpack[llava.ChatOptions]) -> None:
    say_response(name, session.chat(text, picture, **(GREEDY | options)))


def say_stream(name: str, stream: llava.Stream) -> None:
    with stream:
        events = list(stream)
        say(f"{name}.events", " ".join(event.type for event in events))
        say(f"{name}.joined", "".join(event.text for event in events))
        say_response(name, stream.response)


def pull_tokens(stream: llava.Stream, wanted: int) -> None:
    while wanted:
        wanted -= next(stream).type in ("text", "token")


def status(call: Callable[[], object]) -> str:
    """The name of the status a call fails with."""
    try:
        call()
    except llava.LlavaError as error:
        return error.status.name
    return "OK"


def three_turns(session: llava.Session, dotted: llava.Image, striped: llava.Image) -> None:
    chat("turn1", session, HOW, dotted)
    say_stream("turn2", session.stream("Describe the picture. 🔴 絵", **GREEDY))
    chat("turn3", session, HOW, striped)
    stats = session.stats
    say("session.turns", stats.turns)
    say("session.positions", stats.tokens)
    say("session.limit", stats.limit)
    say("session.encoded", stats.images_encoded)


def rewind_and_fork(session: llava.Session, striped: llava.Image) -> llava.Session:
    session.rewind(4)
    say("rewind.turns", session.stats.turns)
    chat("rewind", session, "Is there a cross?", striped)
    fork = session.fork()
    chat("fork", fork, DESCRIBE)
    say("fork.turns", fork.stats.turns)
    say("original.turns", session.stats.turns)
    return fork


def cancels(session: llava.Session) -> None:
    with session.stream(DESCRIBE, keep_on_cancel=True, **GREEDY) as stream:  # type: ignore[misc]
        pull_tokens(stream, 3)
        stream.cancel()
        say_response("keep", stream.finish())
    say("keep.turns", session.stats.turns)
    with llava.Cancel() as cancel:
        with session.stream(DESCRIBE, cancel=cancel, **GREEDY) as stream:  # type: ignore[misc]
            pull_tokens(stream, 2)
            cancel.cancel()
            say("rollback.status", status(lambda: list(stream)))
        say("rollback.turns", session.stats.turns)
    with session.stream(DESCRIBE, keep_on_cancel=True, **GREEDY) as stream:  # type: ignore[misc]
        stream.cancel()
        say("at_once.status", status(lambda: next(stream)))
    say("at_once.turns", session.stats.turns)


def emoji(model: llava.Model) -> None:
    with model.session() as session:
        pieces = model.tokenize("🙂")
        say("emoji.tokenized", ids(pieces))
        biases = dict(zip(pieces[-4:], (4000.0, 3000.0, 2000.0, 1000.0), strict=True))
        say_stream(
            "emoji", session.stream(HOW, temperature=0, max_tokens=4, repetition_penalty=100, logit_bias=biases)
        )
        session.append("👋🏽 猫")
        session.append(llava.Message.assistant("Grüße 🐈\u200d⬛"))
        turns = session.turns
        say("append.text", turns[3].text)
        say("append.turns", len(turns))


def save_and_load(model: llava.Model, session: llava.Session, work: pathlib.Path) -> None:
    path = work / "Gespräch 💬 対話.session"
    session.save(path)
    with model.load_session(path) as loaded:
        chat("saved", loaded, DESCRIBE)
        say("saved.turns", loaded.stats.turns)


def embedding(model: llava.Model, dotted: llava.Image) -> None:
    with model.encode(dotted) as rows, model.session() as session:
        tokens, width = rows.shape
        say("embedding.tokens", tokens)
        say("embedding.width", width)
        chat("embedding", session, HOW, rows)


def reasons(model: llava.Model, dotted: llava.Image) -> None:
    chat("length", model.session(), DESCRIBE, dotted, max_tokens=5)
    chat("stop_string", model.session(), DESCRIBE, dotted, stop=" shapes")
    chat("context", model.session(max_context=64), DESCRIBE, dotted)


def errors_of_files(model: llava.Model, folder: pathlib.Path, pictures: pathlib.Path, work: pathlib.Path) -> None:
    say("error.missing_model", status(lambda: llava.load(folder / "no such model 😿")))
    say("error.not_a_model", status(lambda: llava.load(work)))
    say("error.missing_picture", status(lambda: llava.Image(pictures / "no such picture.png")))
    say("error.broken_picture", status(lambda: llava.Image(folder / "config.json")))
    say("error.not_a_session", status(lambda: model.load_session(folder / "model.safetensors")))
    say("error.empty_picture", status(lambda: llava.Image(b"")))
    say("error.remote_picture", status(lambda: llava.Image("https://example.org/cat.png")))


def errors_of_options(model: llava.Model) -> None:
    def asked(**options: Unpack[llava.ChatOptions]) -> str:
        return status(lambda: model.ask(HOW, **(GREEDY | options)))

    say("error.bad_max_tokens", asked(max_tokens=0))
    say("error.bad_temperature", asked(temperature=1000))
    say("error.missing_adapter", asked(adapter="no such adapter"))
    say("error.missing_template", status(lambda: model.session(template="no such template")))
    say("error.bad_context", status(lambda: model.session(max_context=1_000_000)))


def errors_of_asking(model: llava.Model) -> None:
    with llava.Cancel() as cancel:
        say("error.empty_message", status(lambda: model.ask(llava.Message.user(), **GREEDY)))
        say("error.context_full", status(lambda: model.ask("red " * 700, **GREEDY)))
        cancel.cancel()
        say("error.cancelled", status(lambda: model.ask(HOW, cancel=cancel, **GREEDY)))  # type: ignore[misc]
        cancel.reset()
        cancel.set_deadline(0)
        say("error.timeout", status(lambda: model.ask(HOW, cancel=cancel, **GREEDY)))  # type: ignore[misc]


def errors_of_order(model: llava.Model, session: llava.Session) -> None:
    with session.stream(HOW, **GREEDY):
        say("error.busy_chat", status(lambda: session.chat(HOW, **GREEDY)))
        say("error.busy_fork", status(session.fork))
        say("error.busy_rewind", status(lambda: session.rewind(0)))
    say("error.rewind_too_far", status(lambda: session.rewind(99)))
    say("error.turns", session.stats.turns)
    closed = model.session()
    closed.close()
    try:
        closed.fork()
        say("error.closed", "accepted")
    except ValueError:
        say("error.closed", "refused")


def main(folder: pathlib.Path, pictures: pathlib.Path, work: pathlib.Path) -> None:
    with llava.load(folder) as model:
        with llava.Image(pictures / "dotted.png") as dotted, llava.Image(pictures / "striped.png") as striped:
            with model.session() as session:
                three_turns(session, dotted, striped)
                with rewind_and_fork(session, striped) as fork:
                    cancels(fork)
                emoji(model)
                save_and_load(model, session, work)
                embedding(model, dotted)
                reasons(model, dotted)
                errors_of_files(model, folder, pictures, work)
                errors_of_options(model)
                errors_of_asking(model)
                errors_of_order(model, session)
    say("live", sum(llava.live_objects().values()))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print("usage: conversation.py MODEL PICTURES WORK", file=sys.stderr)
        sys.exit(2)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    main(*map(pathlib.Path, sys.argv[1:]))
