"""Answers: how they are made, in the making, finished."""

import asyncio
import html
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple, Self, TypedDict

from . import _llava, _png
from ._handle import Handle, milliseconds
from ._image import Image
from ._message import Message
from ._system import Cancel
from ._values import Usage

FinishReason = Literal["stop", "stop_string", "length", "context", "cancelled", "timeout"]


class ChatOptions(TypedDict, total=False):
    """How an answer is made: keywords of chat(), stream(), answer(), ask(). What is not given is the model's own value."""

    max_tokens: int
    """longest answer"""
    min_tokens: int
    """no end before"""
    temperature: float
    """0 is greedy"""
    top_p: float
    """mass to draw from"""
    min_p: float
    """least likelihood, relative to the best"""
    top_k: int
    """0: all"""
    repetition_penalty: float
    """1: none"""
    seed: int
    """gives the same answer again"""
    stop: str | Iterable[str]
    """texts that end the answer"""
    stop_ids: Iterable[int]
    bad_ids: Iterable[int]
    """ids that are never drawn"""
    logit_bias: Mapping[int, float]
    include_stop: bool
    """keep the stop string"""
    ignore_eos: bool
    logprobs: int
    """0: of drawn tokens; n: and of the n likeliest"""
    keep_on_cancel: bool
    """keep what was said before a cancel or deadline, instead of raising"""
    timeout: float | None
    """seconds"""
    cancel: Cancel | None
    """stops the answer from another thread; Ctrl-C uses it too"""
    on_event: Callable[[_llava.Event], Literal["stop", "discard"] | None] | None
    """chat() only: sees each event; "stop" ends the answer, "discard" takes it back. What it raises leaves chat()"""
    adapter: str | None
    """a LoRA's name; "": none; not given: the session's"""
    adapter_scale: float


def native_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Keywords as the extension takes them; it refuses unknown ones."""
    given = dict(options)
    if "timeout_ms" in given:
        raise TypeError("'timeout_ms' is no option of an answer; timeout is in seconds")
    if "timeout" in given:
        given["timeout_ms"] = milliseconds(given.pop("timeout"))
    if isinstance(given.get("cancel"), Cancel):
        given["cancel"] = given["cancel"]._native
    elif given.get("cancel") is not None:
        raise TypeError(f"cancel is of type {type(given['cancel']).__name__}, expected a llava.Cancel")
    if isinstance(given.get("stop"), str):
        given["stop"] = [given["stop"]]
    if isinstance(given.get("logit_bias"), Mapping):
        given["logit_bias"] = list(given["logit_bias"].items())
    for name in ("stop", "stop_ids", "bad_ids"):
        if given.get(name) is not None:
            given[name] = list(given[name])
    return given


class Asked(NamedTuple):
    """The question, for a notebook."""

    text: str
    images: list[Image]


def asked_in(message: Message | None) -> Asked:
    """What a message asks; None: what was appended before."""
    return Asked(message.text, message.images) if message else Asked("", [])


class Response(Handle[_llava.Response]):
    """A finished answer; str() of it is its text."""

    def __init__(self, native: _llava.Response, asked: Asked) -> None:
        super().__init__(native)
        self._asked = asked

    @property
    def text(self) -> str:
        """The words."""
        return self._native.text()

    @property
    def finish_reason(self) -> FinishReason:
        """Why it ended."""
        return self._native.finish_reason()

    @property
    def tokens(self) -> list[int]:
        """Token ids as drawn."""
        return self._native.tokens()

    @property
    def logprobs(self) -> list[dict[str, Any]]:
        """Likelihoods token by token, when asked for."""
        found: list[dict[str, Any]] = json.loads(self._native.logprobs_json())
        return found

    @property
    def seed(self) -> int:
        """Gives this answer again."""
        return self._native.seed()

    @property
    def usage(self) -> Usage:
        """Tokens and times."""
        return Usage(**self._native.usage())

    def to_dict(self) -> dict[str, Any]:
        """OpenAI's shape."""
        response: dict[str, Any] = json.loads(self._native.to_json())
        return response

    def __str__(self) -> str:
        return self.text

    def _describe(self) -> str:
        usage = self._native.usage()
        return f"{self.text!r} ({self.finish_reason}, {usage['completion_tokens']} tokens)"

    def _repr_html_(self) -> str:
        pictures = "".join(_png.tag(image.pixels(), 192) for image in self._asked.images)
        usage = self.usage
        return (
            f"<div>{pictures}<p><i>{html.escape(self._asked.text)}</i></p><p>{html.escape(self.text)}</p>"
            f"<small>{usage.completion_tokens} tokens, {usage.tokens_per_second:.0f} a second, "
            f"{html.escape(self.finish_reason)}</small></div>"
        )

    def close(self) -> None:
        """Frees the answer and the pictures it shows; a second close() does nothing."""
        for image in self._asked.images:
            image.close()
        super().close()


class Stream(Handle[_llava.Stream]):
    """An answer in the making: iterate over its events, with `for` or `async for`; then `response` is the whole.

    The session is busy until the stream has ended or is closed; one that is closed early leaves the session as it was.
    """

    def __init__(self, native: _llava.Stream, asked: Asked) -> None:
        super().__init__(native)
        self._asked = asked
        self._response: Response | None = None
        self._worker: ThreadPoolExecutor | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _llava.Event:
        event = self._native.next()
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _llava.Event:
        if self._worker is None:  # one thread for all events: each thread that computes has helpers of its own
            self._worker = ThreadPoolExecutor(1, thread_name_prefix="llava-stream")
        try:
            event = await asyncio.get_running_loop().run_in_executor(self._worker, self._native.next)
        except BaseException:  # a task that is cancelled, or a failure: the session is free again
            self.close()
            raise
        if event is None:
            self._dismiss()
            raise StopAsyncIteration
        return event

    def cancel(self) -> None:
        """Asks the stream to end, from any thread: its next event is a CancelledError, or the end with keep_on_cancel."""
        self._native.cancel()

    def finish(self) -> Response:
        """Works until the end, drops events that were not pulled, and hands out the answer."""
        if self._response is None:
            self._response = Response(self._native.finish(), self._asked)
        return self._response

    @property
    def response(self) -> Response:
        """The answer: finish()."""
        return self.finish()

    def close(self) -> None:
        """Cancels an answer that has not ended; a second close() does nothing."""
        self._dismiss()
        super().close()

    def _dismiss(self) -> None:
        if self._worker is not None:
            self._worker.shutdown(wait=False)
            self._worker = None
