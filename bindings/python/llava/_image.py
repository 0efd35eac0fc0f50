"""Pictures, from whatever holds one."""

import os
import sys
from typing import Any, BinaryIO, Literal, Protocol, Self, TypeAlias, Union, cast

from . import _llava, _png
from ._handle import Handle, path_bytes


class SupportsDlpack(Protocol):
    """An array of another library, such as a torch tensor."""

    def __dlpack__(self) -> Any: ...

    def __dlpack_device__(self) -> Any: ...


class PillowImage(Protocol):
    """What is needed of a PIL.Image.Image."""

    @property
    def mode(self) -> str: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def convert(self, mode: str) -> Any: ...

    def tobytes(self) -> bytes: ...


ImageLike: TypeAlias = Union[
    "Image", str, os.PathLike[str], bytes, bytearray, memoryview, BinaryIO, PillowImage, SupportsDlpack
]
"""What Image() takes. Arrays with the buffer protocol (numpy) are taken as well, which types cannot say before Python 3.12."""

_ADDRESSES = ("data:", "http:", "https:", "file:")  # all but the first are refused: nothing is fetched
_PROBED_BYTES = 1 << 20  # metadata before the size may be long
_PILLOW_MODES = {"L": (), "RGB": (3,), "RGBA": (4,)}


class Image(Handle[_llava.Image]):
    """A decoded picture.

    source   a path; a "data:image/..." text; the bytes of a file, or a file object to read them from; a PIL image; or pixels:
             an array of uint8 [height, width, 3] with any strides (4 with opacity, 1 or none for grey) from numpy, torch or
             whatever has the buffer protocol or DLPack
    apply_exif   turn the picture as its EXIF orientation says
    max_pixels, max_bytes   limits of a file; 0: 67108864 each. More raises LimitError before anything is allocated
    """

    def __init__(self, source: ImageLike, *, apply_exif: bool = True, max_pixels: int = 0, max_bytes: int = 0) -> None:
        super().__init__(_open(source, (apply_exif, max_pixels, max_bytes)))

    @classmethod
    def _adopt(cls, native: _llava.Image) -> Self:
        image = cls.__new__(cls)
        image._native = native
        return image

    @classmethod
    def probe(cls, source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> dict[str, Any]:
        """Kind and size of a picture file, as `info` has them, without decoding it; of bytes the first 64 KiB do."""
        if isinstance(source, (str, os.PathLike)):
            with open(source, "rb") as file:
                source = file.read(_PROBED_BYTES)
        return _llava.Image.probe(source)

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self._native.info()["width"])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self._native.info()["height"])

    @property
    def info(self) -> dict[str, Any]:
        """source ("png", ..., "pixels"), width, height, orientation, sha256 of size and pixels."""
        return self._native.info()

    def pixels(self, format: Literal["gray8", "rgb24", "bgr24", "rgba32"] = "rgb24") -> memoryview:
        """The pixels, uint8 [height, width, channels]; numpy.asarray() takes them without a copy."""
        return memoryview(self._native.pixels(format))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        import numpy

        return numpy.asarray(self.pixels(), dtype=dtype)

    def _describe(self) -> str:
        info = self._native.info()
        return f"{info['width']} x {info['height']} {info['source']}"

    def _repr_png_(self) -> bytes:
        return _png.thumbnail(self.pixels(), 512)


def as_image(source: ImageLike) -> Image:
    """The picture itself, or one made of what holds it."""
    return source if isinstance(source, Image) else Image(source)


def _open(source: Any, limits: tuple[bool, int, int]) -> _llava.Image:
    if isinstance(source, str) and source.startswith(_ADDRESSES):
        return _llava.Image.from_data_uri(source, *limits)
    if isinstance(source, (str, os.PathLike)):
        return _llava.Image.from_file(path_bytes(source), *limits)
    if isinstance(source, (bytes, bytearray)):
        return _llava.Image.from_memory(source, *limits)
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(source, pillow.Image):
        return _of_pillow(source, limits[0])
    if not hasattr(source, "__dlpack__") and callable(getattr(source, "read", None)):
        return _llava.Image.from_memory(_read(source), *limits)
    return _of_array(source, limits)


def _read(source: BinaryIO) -> bytes:
    content = source.read()
    if not isinstance(content, bytes):
        raise TypeError(f"the file gives {type(content).__name__}, expected bytes: open it with mode 'rb'")
    return content


def _of_pillow(source: PillowImage, apply_exif: bool) -> _llava.Image:
    if apply_exif:
        from PIL import ImageOps

        source = ImageOps.exif_transpose(cast(Any, source))
    width, height = source.size
    if source.mode == "I;16":  # the upper eight bits, as the library reads such a file; Pillow's RGB would be white
        return _llava.Image.from_pixels(memoryview(source.tobytes()[1::2]).cast("B", (height, width)))
    if source.mode not in _PILLOW_MODES:
        source = source.convert("RGBA" if source.mode == "P" else "RGB")  # RGB of a palette with opacity warns
    shape = (height, width, *_PILLOW_MODES[source.mode])
    return _llava.Image.from_pixels(memoryview(source.tobytes()).cast("B", shape))


def _of_array(source: Any, limits: tuple[bool, int, int]) -> _llava.Image:
    try:
        view = memoryview(source)
    except TypeError:
        if hasattr(source, "__dlpack__"):
            return _llava.Image.from_pixels(source)
        if hasattr(source, "__array_interface__"):
            import numpy

            return _of_array(numpy.asarray(source), limits)
        raise TypeError(
            f"an image cannot be made of a {type(source).__name__}; expected a path, bytes, a file object, a PIL image, or an "
            "array of uint8 [height, width, 3]"
        ) from None
    if view.ndim == 1 and view.itemsize == 1:
        return _llava.Image.from_memory(source, *limits)
    return _llava.Image.from_pixels(source)
