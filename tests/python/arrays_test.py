"""Numbers in and out: shared, not copied; buffer protocol and DLPack."""

import array
import pathlib

import numpy as np
import pytest
from conftest import PICTURE

import llava


def test_numbers_are_shared_with_numpy(model: llava.Model) -> None:
    embedding = model.encode(PICTURE)
    tensor = embedding.tensor()
    by_buffer, by_dlpack, by_view = np.asarray(tensor), np.from_dlpack(tensor), memoryview(tensor)
    where = by_buffer.ctypes.data
    assert by_dlpack.ctypes.data == where
    assert np.frombuffer(by_view, np.float32).ctypes.data == where
    assert np.asarray(embedding.tensor()).ctypes.data == where  # the embedding's own memory
    assert np.asarray(embedding).ctypes.data == where and np.from_dlpack(embedding).ctypes.data == where
    assert not by_buffer.flags.writeable and not by_dlpack.flags.writeable and by_view.readonly
    assert by_buffer.shape == tensor.shape == embedding.shape and tensor.dtype == "float32"
    expected = by_buffer.copy()
    embedding.close()
    del tensor, embedding
    assert np.array_equal(by_buffer, expected) and np.array_equal(by_dlpack, expected)


def test_a_consumer_that_cannot_be_told_gets_a_copy(model: llava.Model) -> None:
    class Old:
        """Asks as DLPack 0.8 did."""

        def __init__(self, tensor: llava.Tensor) -> None:
            self.tensor = tensor

        def __dlpack__(self, **_: object) -> object:
            return self.tensor.__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return self.tensor.__dlpack_device__()

    tensor = model.encode(PICTURE).tensor()
    copy = np.from_dlpack(Old(tensor))  # type: ignore[arg-type]
    assert np.array_equal(copy, np.asarray(tensor))
    assert copy.ctypes.data != np.asarray(tensor).ctypes.data
    own = np.from_dlpack(tensor, copy=True)
    own[0] = 0
    assert not np.array_equal(own, np.asarray(tensor))
    with pytest.raises(BufferError, match="on the CPU"):
        tensor.__dlpack__(dl_device=(2, 0))
    tensor.__dlpack__()  # a capsule nobody takes
    tensor.__dlpack__(max_version=(1, 0))


def test_arrays_of_any_strides_come_in(tiny: llava.Model) -> None:
    numbers = np.random.default_rng(5).standard_normal((4, 6)).astype(np.float32)
    for given in (numbers, np.asfortranarray(numbers), numbers[::-1, ::-1][::-1, ::-1], np.repeat(numbers, 2, 1)[:, ::2]):
        assert np.array_equal(np.asarray(llava.Tensor(given)), numbers)
    half = numbers.astype(np.float16)
    assert llava.Tensor(half).dtype == "float16" and np.array_equal(np.asarray(llava.Tensor(half)), half)
    assert np.array_equal(np.asarray(llava.Tensor(array.array("f", [1, 2, 3]))), np.array([1, 2, 3], np.float32))
    assert np.asarray(llava.Tensor(llava.Tensor(numbers))).shape == (4, 6)
    assert len(llava.Tensor(numbers)) == 4 and repr(llava.Tensor(numbers)) == "<llava.Tensor float32 [4, 6]>"


def test_arrays_of_other_kinds_are_refused_by_name() -> None:
    for given, text in (
        (np.zeros((2, 3)), r"float64 \[2, 3\], expected float32, float16 or bfloat16"),
        (np.zeros(3, np.int32), r"int32 \[3\]"),
        (np.zeros(3, np.complex64), r"format Zf \[3\]"),
        (b"abc", r"uint8 \[3\]"),
    ):
        with pytest.raises(ValueError, match=text):
            llava.Tensor(given)
    with pytest.raises(llava.InvalidArgumentError, match="rank"):
        llava.Tensor(np.float32(3))
    with pytest.raises(TypeError, match="array is a str, expected an array"):
        llava.Tensor("abc")


def test_an_embedding_goes_out_and_comes_back(model: llava.Model, tmp_path: pathlib.Path) -> None:
    embedding = model.encode(PICTURE)
    rows = np.asarray(embedding)
    path = tmp_path / "猫.safetensors"
    embedding.save(path)
    assert np.array_equal(np.asarray(model.load_embedding(path)), rows)
    again = model.embedding(rows)
    ids = [1, llava.IMAGE_TOKEN, 5]
    assert np.array_equal(np.asarray(model.forward(ids, [again])), np.asarray(model.forward(ids, [embedding])))
    assert np.array_equal(np.asarray(model.embedding(np.asfortranarray(rows))), rows)
    with pytest.raises(llava.InvalidArgumentError, match=r"expected \[tokens, 160\]"):
        model.embedding(rows[:, :5])
    with pytest.raises(llava.InvalidArgumentError, match="NaN"):
        model.embedding(rows * np.float32("nan"))


def test_the_models_numbers_have_their_shapes(model: llava.Model) -> None:
    limits = model.limits
    several = model.encode([PICTURE, PICTURE])
    assert [embedding.shape for embedding in several] == [(9, limits.width)] * 2
    assert model.encode(PICTURE, features=True).shape == (9, limits.vision_width)
    assert model.encode(PICTURE, features=True, layer=0, class_token=True).shape == (10, limits.vision_width)
    assert model.preprocess(PICTURE).shape == (3, limits.image_size, limits.image_size)
    ids = model.tokenize("one two", bos=True)
    assert model.forward(ids).shape == (len(ids), limits.vocabulary)
    assert model.forward(ids, hidden=True, last_only=True).shape == (1, limits.width)
    assert model.image_tokens(PICTURE) == limits.tokens_per_image == 9


def test_texts_and_ids(model: llava.Model) -> None:
    text = "two 🦙 写真"
    ids = model.tokenize(text)
    assert model.detokenize(ids) == text
    with llava.Decoder(model) as decoder:
        pieces = [decoder.push(each) for each in ids] + [decoder.flush()]
    assert "".join(pieces).strip() == text
    assert model.token_text(1) == "<s>"
    assert (model.special_token("bos"), model.special_token("eos")) == (1, 2)
    message = llava.Message.user("hi")
    assert model.apply_template([message], system="Be brief.").startswith("Be brief.")
    assert model.prompt_ids(message)[0] == 1
    assert "llava_v1" in llava.template_names()
