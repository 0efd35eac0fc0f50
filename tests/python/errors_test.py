"""Exceptions: one for each status, each also the built-in one that fits."""

import builtins
import inspect
import pathlib
import pickle
import shutil

import pytest
from conftest import PICTURE, REPEAT, SCENES, TINY

import llava
from llava import _llava


def test_every_status_has_its_name_and_its_exception() -> None:
    assert {status.name: int(status) for status in llava.Status} == dict(_llava.status_names())
    classes = {made.status for made in llava.LlavaError.__subclasses__()}
    assert classes == set(llava.Status) - {llava.Status.OK, llava.Status.END, llava.Status.WOULD_BLOCK}
    for made in llava.LlavaError.__subclasses__():
        assert getattr(llava, made.__name__) is made and made.__doc__


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (llava.InvalidArgumentError, ValueError),
        (llava.NotFoundError, FileNotFoundError),
        (llava.IoError, OSError),
        (llava.OutOfMemoryError, MemoryError),
        (llava.DeviceMemoryError, MemoryError),
        (llava.TimeoutError, builtins.TimeoutError),
        (llava.UnsupportedError, NotImplementedError),
        (llava.ClosedError, ValueError),
    ],
)
def test_the_built_in_exception_catches_it(mine: type[llava.LlavaError], theirs: type[Exception]) -> None:
    with pytest.raises(theirs, match="^where: what$") as caught:
        raise mine("where: what", {"needed": 7}, "llava_load")
    assert isinstance(caught.value, llava.LlavaError)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy), copy.details, copy.function) == (mine, "where: what", {"needed": 7}, "llava_load")


def test_what_may_succeed_later_is_told_apart() -> None:
    for made in llava.LlavaError.__subclasses__():
        assert made("text").retryable == _llava.status_is_retryable(made.status), made


def test_a_failure_tells_where_what_and_by_how_much(model: llava.Model, tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match="无 🦙") as absent:
        llava.load(tmp_path / "无 🦙")
    assert isinstance(absent.value, llava.NotFoundError) and absent.value.status == llava.Status.NOT_FOUND
    assert absent.value.function == "llava_load"
    with pytest.raises(llava.ContextFullError) as full:
        model.ask("hi " * 3000)
    assert full.value.details["limit"] == 512 and full.value.details["needed"] > 512


def test_wrong_options_are_refused_by_name(model: llava.Model) -> None:
    def refused(kind: type[Exception], text: str, **options: object) -> None:
        with pytest.raises(kind, match=text):
            model.ask("hi", **options)  # type: ignore[arg-type]

    refused(TypeError, "'temprature' is no option of an answer", temprature=1)
    refused(TypeError, "max_tokens is 'a', expected an integer of 32 bits", max_tokens="a")
    refused(TypeError, "max_tokens is 3000000000", max_tokens=3_000_000_000)
    refused(TypeError, r"stop is \[3\], expected a list of texts", stop=[3])
    refused(TypeError, "cancel is of type bool, expected a llava.Cancel", cancel=True)
    refused(TypeError, "timeout is in seconds", timeout_ms=5)
    refused(ValueError, "top_p", top_p=7.0)
    refused(ValueError, "temperature", temperature=float("nan"))
    refused(llava.InvalidArgumentError, "max_tokens", max_tokens=0)
    refused(llava.LlavaError, "no such", adapter="no such")
    with pytest.raises(TypeError, match=r"load\(\) got an unexpected keyword argument 'devise'"):
        llava.load(SCENES, devise="cpu")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="dtype is 'f64', expected one of auto, f32, f16, bf16"):
        llava.load(SCENES, dtype="f64")  # type: ignore[arg-type]
    with pytest.raises(llava.InvalidArgumentError, match="abacus"):
        llava.load(SCENES, device="abacus")
    with pytest.raises(TypeError, match="on_event is an option of chat"):
        model.session().stream("hi", on_event=print)


def test_text_that_is_no_unicode_is_refused_where_it_stands(model: llava.Model) -> None:
    with pytest.raises(UnicodeEncodeError, match="position 2"):
        model.ask("hi\ud800")
    with pytest.raises(TypeError, match="message is of type int, expected a str"):
        model.ask(5)  # type: ignore[arg-type]
    assert model.ask("a\0b", max_tokens=1).tokens


def test_loading_tells_how_far_it_is_and_can_be_stopped() -> None:
    seen: list[llava.LoadProgress] = []
    llava.load(SCENES, progress=seen.append).close()
    assert {progress.phase for progress in seen} == {"weights", "warm-up"}
    assert seen[-1].done == seen[-1].total > 0
    with pytest.raises(llava.CancelledError):
        llava.load(SCENES, progress=lambda progress: False)
    with pytest.raises(ZeroDivisionError):
        llava.load(SCENES, progress=lambda progress: 1 // 0)  # type: ignore[arg-type, return-value]
    cancel = llava.Cancel()
    cancel.cancel()
    with pytest.raises(llava.CancelledError):
        llava.load(SCENES, cancel=cancel)
    cancel.reset()
    cancel.set_deadline(0)
    with pytest.raises(llava.TimeoutError):
        llava.Image(PICTURE) and llava.load(SCENES, cancel=cancel)


def test_checkpoints_are_planned_saved_and_converted(model: llava.Model, tmp_path: pathlib.Path) -> None:
    assert llava.plan(SCENES, dtype="f32")["family"] == "llava-1.5"
    model.save(tmp_path / "saved 🦙", layout="original", dtype="f32")
    llava.convert(SCENES, tmp_path / "converted", layout="hf", progress=lambda progress: None)
    for folder in ("saved 🦙", "converted"):
        with llava.load(tmp_path / folder) as copy:
            assert copy.ask("How many shapes are there?", PICTURE, temperature=0).text == "four"
    with pytest.raises(llava.InvalidArgumentError):
        llava.convert(SCENES, tmp_path / "converted")
    with pytest.raises(TypeError, match=r"convert\(\) got an unexpected keyword argument 'force'"):
        llava.convert(SCENES, tmp_path / "x", force=True)  # type: ignore[call-arg]


def test_files_of_a_model_that_is_not_mapped_may_change(tiny: llava.Model, tmp_path: pathlib.Path) -> None:
    folder = shutil.copytree(TINY, tmp_path / "copy")
    with llava.load(folder, mmap=False) as read, llava.load(folder) as mapped:
        with (folder / "model.safetensors").open("ab") as weights:
            weights.write(b"more")
        assert read.ask("hi", max_tokens=8, temperature=0).tokens == tiny.ask("hi", max_tokens=8, temperature=0).tokens
        with pytest.raises(OSError, match=r"model\.safetensors"):
            mapped.ask("hi", max_tokens=8)


def test_training_data_is_checked(tmp_path: pathlib.Path) -> None:
    data = tmp_path / "train.json"
    data.write_text('[{"id": "1", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}]}]')
    report = llava.check_dataset(data, SCENES)
    assert report["records"] == 1


def test_the_process_and_its_devices() -> None:
    assert llava.build_info()["version"] == llava.__version__
    assert llava.has_feature("chat") and not llava.has_feature("telepathy")
    assert llava.devices()[0].id == "cpu" and llava.device_memory().used_bytes > 0
    if REPEAT == 1000:  # it measures for a second
        assert llava.device_bandwidth() > 1e8
    llava.set_threads(llava.devices()[0].threads)
    llava.trim()


def test_everything_public_is_explained() -> None:
    for name in llava.__all__:
        thing = getattr(llava, name)
        if inspect.isclass(thing):
            assert thing.__doc__, name
        if inspect.isclass(thing) and thing.__module__ != "llava._llava":
            for part, member in vars(thing).items():
                if not part.startswith("_") and callable(member):
                    assert member.__doc__, f"{name}.{part}"
        elif inspect.isfunction(thing):
            assert thing.__doc__, name
