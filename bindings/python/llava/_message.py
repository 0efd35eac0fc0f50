"""Turns of a dialogue, and encoded pictures."""

import json
import os
from collections.abc import Sequence
from typing import Any, Literal, Self, TypeAlias, cast

from . import _llava
from ._handle import Handle, checked_text, path_bytes
from ._image import Image, ImageLike, as_image

Role = Literal["system", "user", "assistant"]


class Embedding(Handle[_llava.Embedding]):
    """A picture as the language model reads it: Model.encode(), Model.embedding(), Model.load_embedding()."""

    @property
    def info(self) -> dict[str, Any]:
        """tokens (rows), width (columns), projected, image_sha256, model_fingerprint."""
        return self._native.info()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        info = self._native.info()
        return int(info["tokens"]), int(info["width"])

    def tensor(self) -> _llava.Tensor:
        """The numbers; numpy.asarray() and torch.from_dlpack() take them without a copy, not to be written to."""
        return self._native.tensor()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a safetensors file that Model.load_embedding() reads."""
        self._native.save(path_bytes(path))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy

        return numpy.asarray(self.tensor(), dtype=dtype)

    def __dlpack__(self, **options: Any) -> Any:
        return self.tensor().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor().__dlpack_device__()

    def _describe(self) -> str:
        info = self._native.info()
        return f"[{info['tokens']}, {info['width']}]" + ("" if info["projected"] else " before the projector")


Part: TypeAlias = str | Embedding | ImageLike


class Message(Handle[_llava.Message]):
    """A turn: texts and pictures in any order.

    A str is a text (Image(path) is a picture); an Image, an Embedding and whatever else Image() takes is a picture.
    """

    def __init__(self, role: Role, *parts: Part) -> None:
        super().__init__(_llava.Message(role))
        for part in parts:
            self.add(part)

    @classmethod
    def _adopt(cls, native: _llava.Message) -> Self:
        message = cls.__new__(cls)
        message._native = native
        return message

    @classmethod
    def user(cls, *parts: Part) -> Self:
        """A question."""
        return cls("user", *parts)

    @classmethod
    def assistant(cls, text: str) -> Self:
        """An answer, to put an earlier dialogue back."""
        return cls("assistant", text)

    @classmethod
    def system(cls, text: str) -> Self:
        """An instruction before the dialogue."""
        return cls("system", text)

    @classmethod
    def from_dict(cls, message: dict[str, Any]) -> Self:
        """Reads OpenAI's shape: {"role": "user", "content": "..."}; pictures are data URIs."""
        return cls._adopt(_llava.Message.from_json(json.dumps(message)))

    def add(self, part: Part) -> Self:
        """Adds a text or a picture at the end."""
        if isinstance(part, str):
            self._native.add_text(checked_text(part, "text"))
        elif isinstance(part, Embedding):
            self._native.add_embedding(part._native)
        elif isinstance(part, Image):
            self._native.add_image(part._native)
        else:
            with as_image(part) as image:
                self._native.add_image(image._native)
        return self

    @property
    def role(self) -> Role:
        """Who speaks."""
        return self._native.role()

    @property
    def text(self) -> str:
        """All texts, joined."""
        return self._native.text()

    @property
    def images(self) -> list[Image]:
        """The pictures that were not encoded before."""
        return [Image._adopt(part) for part in self._native.parts() if isinstance(part, _llava.Image)]

    def to_dict(self) -> dict[str, Any]:
        """OpenAI's shape."""
        message: dict[str, Any] = json.loads(self._native.to_json())
        return message

    def _describe(self) -> str:
        parts = [repr(part) if isinstance(part, str) else "(picture)" for part in self._native.parts()]
        text = ", ".join(parts)
        return f"{self.role}: {text if len(text) <= 100 else text[:99] + '…'}"


Images: TypeAlias = Embedding | ImageLike | Sequence[Embedding | ImageLike] | None
"""One picture, encoded or not, or several."""


def question(message: str | Message, images: Images = None) -> Message:
    """The message itself, or the pictures and then the text."""
    several = images if isinstance(images, (list, tuple)) else [] if images is None else [images]
    given = cast(Sequence[Embedding | ImageLike], several)
    if isinstance(message, Message):
        if given:
            raise TypeError("images go with a text; a Message holds its own")
        return message
    made = Message("user")
    for image in given:
        made.add(Image(image) if isinstance(image, str) else image)
    return made.add(checked_text(message, "message"))
