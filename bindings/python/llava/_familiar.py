"""The package under names that others have: OpenAI's chat completions and transformers' pipeline."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypedDict, Unpack

from ._chat import ChatOptions
from ._checkpoint import LoadOptions, Path
from ._handle import Handle
from ._message import Images, Message
from ._model import Model, load
from ._session import Session


def completion_chunks(session: Session, message: Message, options: ChatOptions) -> Iterator[dict[str, Any]]:
    """An answer as OpenAI streams it."""

    def chunk(delta: dict[str, str], reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return {"object": "chat.completion.chunk", "choices": [choice]}

    with session, session.stream(message, **options) as stream:
        yield chunk({"role": "assistant"}, None)
        for event in stream:
            if event.text:
                yield chunk({"content": event.text}, None)
        yield chunk({}, stream.response.to_dict()["choices"][0]["finish_reason"])


def create_chat_completion(
    model: Model, messages: Sequence[dict[str, Any]], *, stream: bool = False, **options: Unpack[ChatOptions]
) -> dict[str, Any] | Iterator[dict[str, Any]]:
    """Answers a dialogue in OpenAI's shape, pictures as data URIs: a completion, or with `stream` its chunks."""
    if not messages:
        raise ValueError("messages is empty, expected a question at its end")
    session = model.session(history=messages[:-1])
    message = Message.from_dict(messages[-1])
    if stream:
        return completion_chunks(session, message, options)
    with session, session.chat(message, **options) as answer:
        return answer.to_dict()


class PipelineOptions(ChatOptions, total=False):
    """ChatOptions, and what transformers calls two of them."""

    max_new_tokens: int
    """max_tokens"""
    do_sample: bool
    """False: temperature 0"""


class PipelineAnswer(TypedDict):
    """What transformers' pipeline gives back for a question."""

    input_text: str
    generated_text: str


class Pipeline(Handle[Any]):
    """A model that is called: pipeline("image-text-to-text", model=folder)(images="cat.jpg", text="What is this?")."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.model = model

    def __call__(self, images: Images = None, text: str = "", **options: Unpack[PipelineOptions]) -> list[PipelineAnswer]:
        """Asks about one or several pictures; a list with one answer, as transformers has it."""
        given: dict[str, Any] = dict(options)
        if "max_new_tokens" in given:
            given["max_tokens"] = given.pop("max_new_tokens")
        if given.pop("do_sample", True) is False:
            given["temperature"] = 0
        with self.model.ask(text, images, **given) as answer:
            return [{"input_text": text, "generated_text": answer.text}]

    def _describe(self) -> str:
        return repr(self.model)


def pipeline(
    task: Literal["image-text-to-text"], model: Path | Model, **options: Unpack[LoadOptions]
) -> Pipeline:
    """Loads a model as transformers' function of that name does; `options` are those of load()."""
    if task != "image-text-to-text":
        raise ValueError(f"task is {task!r}, expected 'image-text-to-text'")
    if isinstance(model, Model):
        if options:
            raise TypeError(f"{', '.join(options)}: options of load(), but the model is loaded already")
        return Pipeline(model)
    return Pipeline(load(model, **options))
