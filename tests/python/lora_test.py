"""LoRA: trained, loaded, attached, chosen call by call, merged."""

import pathlib

import numpy as np
import numpy.typing as npt
import pytest
from conftest import PICTURE, TINY
from training import OPTIONS, write_records

import llava

IDS = [1, 5, 7, 9]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A LoRA that three steps have made."""
    place = tmp_path_factory.mktemp("lora")
    options: llava.TrainOptions = {**OPTIONS, "preset": "llava-1.5-lora", "lora_r": 4, "steps": 3, "lr": 1e-2}
    report = llava.train(TINY, write_records(place), place / "squares 🦙", warmup_steps=0, **options)  # type: ignore[misc]
    assert report["settings"]["lora_r"] == 4
    return place / "squares 🦙"


def logits(model: llava.Model, **options: str | None) -> npt.NDArray[np.float32]:
    return np.array(model.forward(IDS, adapter=options.get("adapter")))


def test_a_lora_is_attached_chosen_by_call_and_detached(folder: pathlib.Path, nothing_left: None) -> None:
    with llava.load(TINY) as model, model.load_adapter(folder, verify=True) as adapter:
        assert adapter.name == "squares 🦙" and adapter.info["rank"] == 4
        assert repr(adapter) == "<llava.Adapter 'squares 🦙'>"
        plain = logits(model)
        changed = logits(model, adapter=adapter.name)
        assert np.abs(changed - plain).max() > 1e-3
        model.attach(adapter)
        assert [each["name"] for each in model.info["adapters"]] == ["squares 🦙"]
        assert np.array_equal(logits(model), changed)
        assert np.array_equal(logits(model, adapter=""), plain)
        with pytest.raises(llava.StateError):
            model.attach(adapter)
        with model.session(adapter="") as session:
            without = session.chat("hi", PICTURE, temperature=0, max_tokens=8, logprobs=0).logprobs
            session.reset()
            with_it = session.chat("hi", PICTURE, temperature=0, max_tokens=8, adapter=adapter.name, logprobs=0).logprobs
            assert without != with_it
        assert model.encode(PICTURE, adapter=adapter.name).shape == model.encode(PICTURE, adapter="").shape
        model.detach()
        assert np.array_equal(logits(model), plain)
        with pytest.raises(llava.StateError):
            model.detach()
        model.attach(adapter, 0.0)
        assert np.allclose(logits(model), plain, atol=1e-6)
        model.detach()


def test_the_same_lora_by_options_of_loading_and_under_two_names(folder: pathlib.Path) -> None:
    with llava.load(TINY, adapter=folder) as model, llava.load(TINY) as other:
        with other.load_adapter(folder, name="a") as one, other.load_adapter(folder, name="b"):
            assert np.array_equal(logits(model), logits(other, adapter="b"))
            with pytest.raises(llava.InvalidArgumentError, match='"a"'):
                other.load_adapter(folder, name="a")
            with pytest.raises(llava.InvalidArgumentError):
                model.attach(one)
        with pytest.raises(llava.NotFoundError):
            logits(other, adapter="a")  # it went with its last reference
        with pytest.raises(llava.NotFoundError):
            other.load_adapter(folder / "none")
        with pytest.raises(llava.ClosedError, match="Adapter is closed"):
            other.attach(one)


def test_a_merged_model_answers_as_both_do(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    with llava.load(TINY) as model, model.load_adapter(folder) as adapter:
        llava.merge_adapter(model, adapter, tmp_path / "merged", dtype="f32")
        with llava.load(tmp_path / "merged") as merged:
            assert np.allclose(logits(merged), logits(model, adapter=adapter.name), atol=1e-4)
        with pytest.raises(ZeroDivisionError):
            llava.merge_adapter(model, adapter, tmp_path / "never", progress=lambda progress: bool(1 // 0))
        assert not (tmp_path / "never").exists()
