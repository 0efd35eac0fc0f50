"""Dialogues."""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, Self, Unpack

from . import _llava
from ._chat import ChatOptions, Response, Stream, asked_in, native_options
from ._handle import Handle, checked_text, path_bytes
from ._message import Embedding, Images, Message, question
from ._system import Cancel
from ._values import SessionStats


class Session(Handle[_llava.Session]):
    """A dialogue: Model.session(). One operation at a time; a second thread gets BusyError. A call that fails leaves it as it was."""

    @classmethod
    def _adopt(cls, native: _llava.Session) -> Self:
        return cls(native)

    def chat(self, message: str | Message, images: Images = None, **options: Unpack[ChatOptions]) -> Response:
        """Asks and waits for the whole answer. `images`: one or several, before the text."""
        asked = question(message, images)
        return Response(self._native.chat(asked._native, native_options(options)), asked_in(asked))

    async def achat(self, message: str | Message, images: Images = None, **options: Unpack[ChatOptions]) -> Response:
        """chat() beside other tasks. A task that is cancelled cancels the answer, and the session is as it was."""
        with self.stream(message, images, **options) as stream:
            async for _ in stream:
                pass
            return stream.response

    def stream(self, message: str | Message, images: Images = None, **options: Unpack[ChatOptions]) -> Stream:
        """Begins an answer that is pulled event by event."""
        asked = question(message, images)
        return Stream(self._native.stream(asked._native, native_options(options)), asked_in(asked))

    def answer(self, **options: Unpack[ChatOptions]) -> Response:
        """Answers what append() or append_ids() added last."""
        return Response(self._native.chat(None, native_options(options)), asked_in(None))

    def stream_answer(self, **options: Unpack[ChatOptions]) -> Stream:
        """The same, event by event."""
        return Stream(self._native.stream(None, native_options(options)), asked_in(None))

    def append(self, message: str | Message, images: Images = None, *, cancel: Cancel | None = None) -> None:
        """Adds a message and computes it, without an answer."""
        self._native.append(question(message, images)._native, cancel._native if cancel else None)

    def append_ids(
        self, ids: Iterable[int], embeddings: Sequence[Embedding] = (), *, cancel: Cancel | None = None
    ) -> None:
        """Adds raw token ids as one turn; IMAGE_TOKEN marks the places of `embeddings`."""
        self._native.append_ids(list(ids), [each._native for each in embeddings], cancel._native if cancel else None)

    def reset(self) -> None:
        """Forgets the dialogue."""
        self._native.reset()

    def rewind(self, turns: int) -> None:
        """Keeps the first turns: to ask again, go back to before the question."""
        self._native.rewind(turns)

    def fork(self) -> "Session":
        """A second session with the same past."""
        return Session._adopt(self._native.fork())

    @property
    def turns(self) -> list[Message]:
        """The dialogue so far: questions and answers, one each. Pictures are known by their rows and hash alone, so
        `images` of these is empty."""
        return [Message._adopt(self._native.turn(index)) for index in range(self._native.turn_count())]

    @property
    def stats(self) -> SessionStats:
        """What the session has done and holds."""
        return SessionStats(**self._native.stats())

    def history(self) -> list[dict[str, Any]]:
        """The dialogue in OpenAI's shape, pictures named by their hash: for Model.session(history=...) one without pictures;
        save() keeps those too."""
        turns: list[dict[str, Any]] = json.loads(self._native.history_json())
        return turns

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the dialogue with its pictures to a file, for Model.load_session()."""
        self._native.save(path_bytes(path))

    def _describe(self) -> str:
        stats = self.stats
        return f"{stats.turns} turns, {stats.tokens} of {stats.limit} positions"


def new_session(
    model: _llava.Model,
    history: Sequence[dict[str, Any]] | None,
    system: str | None,
    template: str | None,
    max_context: int,
    adapter: str | None,
    adapter_scale: float,
) -> Session:
    """Model.session()."""
    dialogue = None if history is None else json.dumps(list(history))
    instruction = None if system is None else checked_text(system, "system")
    return Session._adopt(
        _llava.Session(model, dialogue, instruction, template or "", max_context, adapter, adapter_scale)
    )
