"""Models: loading, encoding, token ids, the language model as a function."""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from . import _checkpoint, _llava
from ._adapter import Adapter
from ._chat import ChatOptions, Response
from ._checkpoint import LoadOptions, Progress, SaveOptions
from ._handle import Handle, checked_text, path_bytes
from ._image import ImageLike, as_image
from ._message import Embedding, Images, Message
from ._session import Session, new_session
from ._system import Cancel
from ._values import Limits, ModelMemory

Path = str | os.PathLike[str]
Each = TypeVar("Each", bound=ImageLike)


class Model(Handle[_llava.Model]):
    """A loaded model; any number of threads may use it at once.

    path       a checkpoint's folder, as it was published
    progress   called with a LoadProgress; False stops, what it raises leaves the call
    cancel     stops loading from another thread
    options    see LoadOptions
    """

    _heavy = True

    def __init__(
        self, path: Path, *, progress: Progress = None, cancel: Cancel | None = None, **options: Unpack[LoadOptions]
    ) -> None:
        given = _checkpoint.load_options(dict(options), "load")
        token = cancel._native if cancel else None
        super().__init__(_llava.Model.load(path_bytes(path), _checkpoint.native_progress(progress), token, **given))

    @classmethod
    def from_pretrained(cls, path: Path, **options: Unpack[LoadOptions]) -> Self:
        """load() by the name it has in transformers; a folder, nothing is fetched."""
        return cls(path, **options)

    def save_pretrained(self, target: Path, **options: Unpack[SaveOptions]) -> None:
        """save() by the name it has in transformers."""
        self.save(target, **options)

    @property
    def info(self) -> dict[str, Any]:
        """All that is known about the model: path, family, layout, sizes, template and why, sampling."""
        info: dict[str, Any] = json.loads(self._native.info_json())
        return info

    @property
    def limits(self) -> Limits:
        """What it can take."""
        return Limits(**self._native.limits())

    @property
    def memory(self) -> ModelMemory:
        """What it takes up."""
        return ModelMemory(**self._native.memory())

    def session(
        self,
        *,
        history: Sequence[dict[str, Any]] | None = None,
        system: str | None = None,
        template: str | None = None,
        max_context: int = 0,
        adapter: str | None = None,
        adapter_scale: float = 1,
    ) -> Session:
        """Starts a dialogue.

        history    one from elsewhere: messages in OpenAI's shape, pictures as data URIs; Message.to_dict()
        system     system prompt instead of the template's own; "" for none
        template   see template_names(); "none": parts as they are
        max_context   positions; 0: the model's
        adapter    a LoRA's name; "": none; None: the attached one
        """
        return new_session(self._native, history, system, template, max_context, adapter, adapter_scale)

    def load_session(self, path: Path) -> Session:
        """Opens what Session.save() wrote."""
        return Session(_llava.Session.load(self._native, path_bytes(path)))

    def ask(self, text: str | Message, images: Images = None, **options: Unpack[ChatOptions]) -> Response:
        """One question, without a session to keep."""
        with self.session() as session:
            return session.chat(text, images, **options)

    def image_tokens(self, image: ImageLike) -> int:
        """Positions of the context a picture takes."""
        return self._native.image_tokens(as_image(image)._native)

    def preprocess(self, image: ImageLike, *, cancel: Cancel | None = None) -> _llava.Tensor:
        """The exact numbers the vision tower sees, [3, S, S]; [T, 3, S, S] of a model that cuts pictures."""
        return self._native.preprocess(as_image(image)._native, cancel._native if cancel else None)

    @overload
    def encode(
        self,
        images: list[Each] | tuple[Each, ...],
        *,
        features: bool = False,
        layer: int | None = None,
        class_token: bool | None = None,
        adapter: str | None = None,
        adapter_scale: float = 1,
        cancel: Cancel | None = None,
    ) -> list[Embedding]: ...

    @overload
    def encode(
        self,
        images: ImageLike,
        *,
        features: bool = False,
        layer: int | None = None,
        class_token: bool | None = None,
        adapter: str | None = None,
        adapter_scale: float = 1,
        cancel: Cancel | None = None,
    ) -> Embedding: ...

    def encode(
        self,
        images: Any,
        *,
        features: bool = False,
        layer: int | None = None,
        class_token: bool | None = None,
        adapter: str | None = None,
        adapter_scale: float = 1,
        cancel: Cancel | None = None,
    ) -> Embedding | list[Embedding]:
        """Encodes a picture, or a list of them (eight in one pass).

        features      True: before the projector
        layer         hidden state of the tower: 0 before block 1, -1 last; None: as the checkpoint says
        class_token   keep its row; None: as the checkpoint says
        """
        several = isinstance(images, (list, tuple))
        pictures = [as_image(image) for image in (images if several else [images])]
        made = [
            Embedding(native)
            for native in self._native.encode(
                [picture._native for picture in pictures],
                features,
                layer,
                class_token,
                adapter,
                adapter_scale,
                cancel._native if cancel else None,
            )
        ]
        return made if several else made[0]

    def embedding(self, rows: Any) -> Embedding:
        """An embedding of rows computed elsewhere: a Tensor, or an array [tokens, width] of f32, f16 or bf16."""
        tensor = rows if isinstance(rows, _llava.Tensor) else _llava.Tensor(rows)
        return Embedding(self._native.embedding(tensor))

    def load_embedding(self, path: Path) -> Embedding:
        """Reads what Embedding.save() wrote."""
        return Embedding(self._native.load_embedding(path_bytes(path)))

    def forward(
        self,
        ids: Iterable[int],
        embeddings: Sequence[Embedding] = (),
        *,
        hidden: bool = False,
        last_only: bool = False,
        adapter: str | None = None,
        adapter_scale: float = 1,
        cancel: Cancel | None = None,
    ) -> _llava.Tensor:
        """Runs the language model over raw ids; IMAGE_TOKEN marks the places of `embeddings`. Logits of all positions, or
        hidden states."""
        rows = [embedding._native for embedding in embeddings]
        token = cancel._native if cancel else None
        return self._native.forward(list(ids), rows, hidden, last_only, adapter, adapter_scale, token)

    def tokenize(self, text: str, *, bos: bool = False) -> list[int]:
        """Token ids of a text; names of special tokens in it are text."""
        return _llava.tokenize(self._native, checked_text(text, "text"), bos)

    def detokenize(self, ids: Iterable[int], *, special: bool = False) -> str:
        """Text of token ids."""
        return _llava.detokenize(self._native, list(ids), special)

    def token_text(self, id: int) -> str:
        """The piece of the vocabulary behind an id."""
        return _llava.token_text(self._native, id)

    def special_token(self, kind: Literal["bos", "eos", "unk", "pad", "image"]) -> int | None:
        """The id of a special token; None where the model has none."""
        return _llava.special_token(self._native, kind)

    def count_tokens(self, messages: Message | Sequence[Message]) -> int:
        """Positions a dialogue takes, pictures included."""
        return _llava.count_tokens(self._native, _natives(messages))

    def apply_template(
        self,
        messages: Message | Sequence[Message],
        *,
        template: str = "",
        generation_prompt: bool = True,
        system: str | None = None,
    ) -> str:
        """A dialogue as the text the model reads, for people."""
        return _llava.apply_template(self._native, _natives(messages), template, generation_prompt, system)

    def prompt_ids(
        self,
        messages: Message | Sequence[Message],
        *,
        template: str = "",
        generation_prompt: bool = True,
        system: str | None = None,
    ) -> list[int]:
        """A dialogue as the ids the model reads, IMAGE_TOKEN at the places of pictures."""
        return _llava.prompt_ids(self._native, _natives(messages), template, generation_prompt, system)

    def load_adapter(
        self, path: Path, *, name: str = "", verify: bool = False, cancel: Cancel | None = None
    ) -> Adapter:
        """Loads a LoRA's folder without attaching it; its name is the folder's unless given."""
        token = cancel._native if cancel else None
        return Adapter(self._native.load_adapter(path_bytes(path), name, verify, token))

    def attach(self, adapter: Adapter, scale: float = 1) -> None:
        """Makes a LoRA the one of all calls that name none."""
        self._native.attach(adapter._native, scale)

    def detach(self) -> None:
        """The model by itself again."""
        self._native.detach()

    def save(
        self, target: Path, *, progress: Progress = None, cancel: Cancel | None = None, **options: Unpack[SaveOptions]
    ) -> None:
        """Writes the model to a folder."""
        _checkpoint.save(self._native, target, progress, cancel, options)

    def _describe(self) -> str:
        info, memory = self.info, self.memory
        return (
            f"{info['path']!r} {info['parameters'] / 1e6:.1f} M parameters, {memory.weight_bytes / 2**20:.0f} MiB on "
            f"{memory.device}, template {info['template']['name']}, context {self.limits.context}"
        )


def load(
    path: Path, *, progress: Progress = None, cancel: Cancel | None = None, **options: Unpack[LoadOptions]
) -> Model:
    """Loads a checkpoint's folder; see Model and LoadOptions."""
    return Model(path, progress=progress, cancel=cancel, **options)


def _natives(messages: Message | Sequence[Message]) -> list[_llava.Message]:
    given = [messages] if isinstance(messages, Message) else messages
    return [message._native for message in given]


class Decoder(Handle[_llava.Decoder]):
    """Tokens to text one by one, never half a character."""

    def __init__(self, model: Model, *, special: bool = False) -> None:
        super().__init__(_llava.Decoder(model._native, special))

    def push(self, id: int) -> str:
        """Text that is certain now."""
        return self._native.push(id)

    def flush(self) -> str:
        """The rest."""
        return self._native.flush()


def template_names() -> list[str]:
    """Names of all conversation templates."""
    return _llava.template_names()
