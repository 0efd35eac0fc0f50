"""Pictures from whatever holds one, and their pixels out; equal to Pillow's."""

import base64
import io
import os
import pathlib
import shutil

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps
import pytest
from conftest import PICTURE, QUESTION, ROOT

import llava

PICTURES = ROOT / "tests" / "golden" / "image" / "pictures"


def hash_of(source: llava.ImageLike, apply_exif: bool = True) -> str:
    with llava.Image(source, apply_exif=apply_exif) as image:
        return str(image.info["sha256"])


def test_path_bytes_file_uri_and_arrays_give_the_same_picture(tmp_path: pathlib.Path) -> None:
    content = PICTURE.read_bytes()
    expected = hash_of(PICTURE)
    strange = tmp_path / "猫 🐈.png"
    shutil.copy(PICTURE, strange)
    uri = "data:image/png;base64," + base64.b64encode(content).decode()
    with PICTURE.open("rb") as file:
        sources: list[llava.ImageLike] = [
            str(PICTURE),
            strange,
            str(strange),
            content,
            bytearray(content),
            memoryview(content),
            io.BytesIO(content),
            file,
            uri,
            np.frombuffer(content, np.uint8),
            PIL.Image.open(PICTURE),
        ]
        assert [hash_of(source) for source in sources] == [expected] * len(sources)


def test_a_file_name_that_is_no_utf8_is_found(tmp_path: pathlib.Path) -> None:
    name = bytes(tmp_path) + b"/caf\xe9.png"
    pathlib.Path(os.fsdecode(name)).write_bytes(PICTURE.read_bytes())
    assert hash_of(os.fsdecode(name)) == hash_of(PICTURE)


def strided(pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.uint8]]:
    """The same pixels as memory may hold them."""
    wide = np.zeros((*pixels.shape[:2], 5), np.uint8)
    wide[:, :, 1:4] = pixels
    frozen = pixels.copy()
    frozen.flags.writeable = False
    return {
        "dense": pixels,
        "read-only": frozen,
        "column-major": np.asfortranarray(pixels),
        "bottom-up": np.ascontiguousarray(pixels[::-1])[::-1],
        "right to left": np.ascontiguousarray(pixels[:, ::-1])[:, ::-1],
        "channels reversed": np.ascontiguousarray(pixels[:, :, ::-1])[:, :, ::-1],
        "all reversed": np.ascontiguousarray(pixels[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
        "planes": np.ascontiguousarray(pixels.transpose(2, 0, 1)).transpose(1, 2, 0),
        "part of wider rows": np.pad(pixels, ((1, 2), (3, 4), (0, 0)))[1:-2, 3:-4],
        "part of wider pixels": wide[:, :, 1:4],
        "every second": np.repeat(np.repeat(pixels, 2, 0), 2, 1)[::2, ::2],
    }


def test_arrays_of_any_strides_give_the_same_picture() -> None:
    pixels = np.asarray(PIL.Image.open(PICTURE).convert("RGB"))[:70, :50]
    expected = hash_of(PIL.Image.fromarray(pixels))
    assert {name: hash_of(array) for name, array in strided(pixels).items()} == dict.fromkeys(strided(pixels), expected)


def test_grey_and_opaque_arrays_are_pictures_too() -> None:
    grey = np.arange(35, dtype=np.uint8).reshape(5, 7)
    expected = hash_of(np.repeat(grey[:, :, None], 3, axis=2))
    assert hash_of(grey) == hash_of(grey[:, :, None]) == hash_of(PIL.Image.fromarray(grey)) == expected
    broadcast = np.broadcast_to(grey[:, :, None], (5, 7, 3))  # a stride of 0
    assert hash_of(broadcast) == expected


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of broken EXIF
@pytest.mark.parametrize("path", sorted(PICTURES.iterdir()), ids=lambda path: path.name)
def test_pillow_hands_over_what_the_library_decodes(path: pathlib.Path) -> None:
    try:
        with PIL.Image.open(path) as opened:
            opened.load()
            from_pillow = hash_of(opened)
    except OSError:
        pytest.skip("Pillow does not open it")
    if path.suffix == ".webp" and not llava.has_feature("webp"):
        pytest.skip("this build has no WebP")
    assert from_pillow == hash_of(path)


def test_kind_and_size_are_told_without_decoding(tmp_path: pathlib.Path) -> None:
    content = PICTURE.read_bytes()
    expected = {"source": "png", "width": 336, "height": 336, "orientation": 1, "sha256": ""}
    for source in (PICTURE, str(PICTURE), content, memoryview(content)[:1000], bytearray(content[:1000])):
        assert llava.Image.probe(source) == expected
    with pytest.raises(llava.FormatError):
        llava.Image.probe(b"no picture")
    with pytest.raises(FileNotFoundError):
        llava.Image.probe(tmp_path / "none.png")
    with pytest.raises(ValueError, match=r"data is uint8 \[2, 2\], expected the bytes"):
        llava.Image.probe(memoryview(b"abcd").cast("B", (2, 2)))


def test_exif_may_be_left_alone() -> None:
    path = PICTURES / "exif-6.jpg"
    turned, stored = llava.Image(path), llava.Image(path, apply_exif=False)
    assert (turned.width, turned.height) == (stored.height, stored.width)
    assert turned.info["orientation"] == 6
    with PIL.Image.open(path) as opened:
        assert hash_of(opened, apply_exif=False) == stored.info["sha256"]


def test_pixels_come_out_without_a_copy() -> None:
    image = llava.Image(PICTURE)
    view = image.pixels()
    array = np.asarray(view)
    assert array.shape == (image.height, image.width, 3) and array.dtype == np.uint8
    assert array.ctypes.data == np.frombuffer(view, np.uint8).ctypes.data
    image.close()  # the pixels are their own
    assert np.array_equal(array, np.asarray(PIL.Image.open(PICTURE).convert("RGB")))
    assert np.array_equal(np.asarray(llava.Image(PICTURE)), array)
    assert np.array_equal(np.asarray(llava.Image(PICTURE).pixels("bgr24")), array[:, :, ::-1])
    assert llava.Image(PICTURE).pixels("rgba32").shape == (*array.shape[:2], 4)


def test_a_notebook_shows_a_small_png() -> None:
    shown = PIL.Image.open(io.BytesIO(llava.Image(np.zeros((1500, 900, 3), np.uint8))._repr_png_()))
    assert shown.size == (300, 500)
    small = PIL.Image.open(io.BytesIO(llava.Image(PICTURE)._repr_png_()))
    assert np.array_equal(np.asarray(small), np.asarray(llava.Image(PICTURE)))


def test_what_is_no_picture_is_refused_with_what_was_expected(tmp_path: pathlib.Path) -> None:
    def refused(source: object, kind: type[Exception], text: str) -> None:
        with pytest.raises(kind, match=text):
            llava.Image(source)  # type: ignore[arg-type]

    refused(tmp_path / "absent.png", FileNotFoundError, "absent.png")
    refused(b"abc", llava.FormatError, "no known picture format")
    refused(b"", llava.InvalidArgumentError, "size")
    refused(3.5, TypeError, "made of a float; expected a path, bytes")
    refused(None, TypeError, "made of a NoneType")
    refused(io.StringIO("text"), TypeError, "gives str, expected bytes")
    refused(np.zeros((4, 5, 3)), ValueError, r"float64 \[4, 5, 3\], expected uint8 \[height, width, 3\]")
    refused(np.zeros((3, 40, 50), np.uint8), ValueError, r"for planes use .permute\(1, 2, 0\)")
    refused(np.zeros((0, 5, 3), np.uint8), ValueError, "expected sides of 1 to 65535")
    refused("data:image/png;base64,@@", llava.FormatError, "base64")
    for address in ("https://example.org/cat.png", "http://example.org/cat.png", "file:///cat.png"):
        refused(address, llava.UnsupportedError, "are not fetched")
    with pytest.raises(llava.LimitError):
        llava.Image(PICTURE, max_pixels=10)


def test_pictures_stand_where_a_message_has_them(model: llava.Model) -> None:
    pixels = np.asarray(PIL.Image.open(PICTURE).convert("RGB"))
    expected = model.ask(QUESTION, PICTURE, temperature=0).text
    for picture in (str(PICTURE), PICTURE, pixels, PIL.Image.open(PICTURE), model.encode(PICTURE), PICTURE.read_bytes()):
        assert model.ask(QUESTION, picture, temperature=0).text == expected
        message = llava.Message.user(llava.Image(picture) if isinstance(picture, str) else picture, QUESTION)
        assert model.ask(message, temperature=0).text == expected
    message = llava.Message("user", "first ", PICTURE, " then ", PICTURE)
    assert (message.text, len(message.images), message.role) == ("first  then ", 2, "user")
    assert "user: 'first ', (picture)" in repr(message)
    assert model.count_tokens(message) == len(model.prompt_ids(message)) + 2 * 8
    assert llava.Message.from_dict(message.to_dict()).to_dict() == message.to_dict()
    assert model.ask("How many?", [PICTURE, pixels]).usage.image_tokens == 18
    with pytest.raises(TypeError, match="a Message holds its own"):
        model.ask(message, PICTURE)
