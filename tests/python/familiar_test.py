"""The package under names that other packages have."""

import base64
import gc
import pathlib

import pytest
from conftest import PICTURE, QUESTION, SCENES, TINY

import llava


def conversation() -> list[dict[str, object]]:
    uri = "data:image/png;base64," + base64.b64encode(PICTURE.read_bytes()).decode()
    return [
        {"role": "system", "content": "Answer in a word."},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": QUESTION}]},
    ]


def test_a_chat_completion_has_openais_shape(model: llava.Model, nothing_left: None) -> None:
    whole = llava.create_chat_completion(model, conversation(), temperature=0)
    assert isinstance(whole, dict)
    choice = whole["choices"][0]
    with model.session(system="Answer in a word.") as session:
        expected = session.chat(QUESTION, PICTURE, temperature=0).text
    assert choice["message"] == {"role": "assistant", "content": expected} and choice["finish_reason"] == "stop"
    chunks = list(llava.create_chat_completion(model, conversation(), stream=True, temperature=0))
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}  # type: ignore[index]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]  # type: ignore[index]
    assert deltas[0] == {"role": "assistant"} and "".join(delta.get("content", "") for delta in deltas) == expected
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"  # type: ignore[index]
    history: list[dict[str, object]] = [*conversation(), {"role": "assistant", "content": expected}, {"role": "user", "content": "And circles?"}]
    assert llava.create_chat_completion(model, history, max_tokens=2)
    with pytest.raises(ValueError, match="messages is empty"):
        llava.create_chat_completion(model, [])
    with pytest.raises(llava.UnsupportedError):
        remote = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
        llava.create_chat_completion(model, [{"role": "user", "content": [remote]}])


def test_a_pipeline_is_called_as_transformers_is(model: llava.Model, tmp_path: pathlib.Path) -> None:
    with llava.pipeline("image-text-to-text", model=SCENES) as pipe:
        answers = pipe(images=PICTURE, text=QUESTION, max_new_tokens=20, do_sample=False)
        assert answers == [{"input_text": QUESTION, "generated_text": "four"}]
        assert repr(pipe).startswith("<llava.Pipeline <llava.Model ")
    assert pipe.closed
    with pytest.raises(ValueError, match="task is 'fill-mask', expected 'image-text-to-text'"):
        llava.pipeline("fill-mask", model=model)  # type: ignore[arg-type]
    model.save_pretrained(tmp_path / "saved")
    with llava.Model.from_pretrained(tmp_path / "saved") as copy:
        assert copy.ask(QUESTION, PICTURE, temperature=0).text == "four"


def test_dropping_an_open_model_is_worth_a_line_of_the_log(caplog: pytest.LogCaptureFixture, nothing_left: None) -> None:
    with caplog.at_level("DEBUG", logger="llava"):
        llava.load(TINY)
        gc.collect()
    (line,) = [record.message for record in caplog.records if "not closed" in record.message]
    assert line.startswith("<llava.Model ") and line.endswith("was not closed, and is freed with its last reference")
