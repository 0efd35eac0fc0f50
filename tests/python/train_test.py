"""Training: live events, metrics, stops and what goes on after them; equal to the command's."""

import asyncio
import gc
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import LEAK_BYTES, PICTURE, REPEAT, ROOT, TINY, resident_bytes
from training import ENDLESS, OPTIONS, SHARDS, STEPS, snapshots, weights, write_records

import llava


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Records to train on."""
    return write_records(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="session")
def whole(data: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What ten steps without an interruption come to."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    llava.train(TINY, data, out, **OPTIONS)
    return weights(out)


@pytest.fixture
def out(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where a run goes."""
    return tmp_path / "tuned 🦙"


@pytest.fixture
def endless(data: pathlib.Path, out: pathlib.Path) -> Iterator[llava.Trainer]:
    """A run that somebody has to stop."""
    with llava.Trainer(TINY, data, out, **ENDLESS) as trainer:
        yield trainer


def test_ten_steps_hand_out_their_events_live_and_end_in_a_model(
    data: pathlib.Path, out: pathlib.Path, whole: bytes, nothing_left: None
) -> None:
    with llava.Trainer(TINY, data, out, **(OPTIONS | {"eval_data": data})) as trainer:
        assert trainer.metrics == llava.TrainMetrics(False, 0, STEPS, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, None)
        kinds: list[str] = []
        losses: list[float] = []
        for event in trainer:
            kinds.append(event.type)
            if event.type == "step":
                assert event["step"] == trainer.metrics.step == len(losses) + 1  # no step is made ahead
                assert str(event).startswith(f"step {event['step']}/{STEPS}  loss ")
                losses.append(event["loss"])
        assert [kind for kind in kinds if kind != "progress"] == ["start", *["step"] * STEPS, "saved", "evaluation", "result"]
        metrics, report = trainer.metrics, trainer.report()
        assert metrics.finished and metrics.loss == losses[-1] < losses[0]
        assert (report["step"], report["last_loss"]) == (STEPS, losses[-1])
        assert llava.training_status(out)["state"] == "finished"
        assert list(trainer) == [] and trainer.run()  # nothing is left to do
        assert trainer.evaluate() == metrics.eval_loss == next(trainer)["eval_loss"]
        assert repr(trainer) == f"<llava.Trainer {str(out)!r} step 10 of 10, loss {metrics.loss:.4f}>"
    assert weights(out) == whole
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines if "loss" in line] == losses
    with llava.load(out) as tuned:
        assert tuned.ask("What is 3?", PICTURE, max_tokens=4).tokens


def test_the_options_are_those_of_the_c_struct() -> None:
    header = (ROOT / "include" / "llava" / "train_options.h").read_text()
    body = re.sub(r"/\*.*?\*/", "", header.partition("typedef struct llava_train_options {")[2].partition("}")[0], flags=re.S)
    fields = set(re.findall(r"(\w+)\s*;", body))
    others = {"struct_size", "reserved", "sum_reserved", "data", "out_dir", "event", "event_user_data", "cancel", "abandon"}
    assert fields - others - {"template_name"} | {"template"} == set(llava.TrainOptions.__annotations__)


def test_options_reach_the_run(data: pathlib.Path, out: pathlib.Path) -> None:
    plan = llava.plan_training(
        TINY, data, stage=2, preset="custom", lr=3e-4, beta2=0.5, clip=2, epochs=2, batch=3, micro_batch=1,
        schedule="wsd", decay_ratio=0.5, sum_order="chain", loss_mean="group", order="sequential", image_place="as-written", image_aspect_ratio="pad",
        learns="projector.*",
        max_length=300, warmup_steps=1, seed=7, dtype="bf16", recompute="full", skip_bad=-1,
    )  # fmt: skip
    assert not out.exists()
    assert (plan["steps"], plan["records"], plan["usable"], plan["warmup_steps"]) == (8, 12, 12, 1)
    expected = {"lr": 3e-4, "beta2": 0.5, "clip": 2, "schedule": "wsd", "decay_steps": 4, "sum_order": "chain", "order": "sequential",
                "learns": "projector.*", "image_aspect_ratio": "pad", "max_length": 300, "seed": 7, "dtype": "bf16", "batch": 3}  # fmt: skip
    assert {name: plan["settings"][name] for name in expected} == expected
    lora = llava.plan_training(TINY, data, stage=2, preset="llava-1.5-lora", lora_r=2, lora_targets=["q_proj", "v_proj"])
    assert lora["settings"]["lora_r"] == 2 and lora["settings"]["lora_targets"] == ["q_proj", "v_proj"]
    seen: list[llava.LoadProgress] = []
    llava.plan_training(TINY, data, progress=seen.append)
    assert seen and seen[-1].done == seen[-1].total
    with pytest.raises(llava.CancelledError):
        llava.plan_training(TINY, data, progress=lambda progress: False)
    with pytest.raises(KeyboardInterrupt):
        llava.plan_training(TINY, data, progress=lambda progress: os.kill(os.getpid(), signal.SIGINT))


def test_wrong_options_are_refused_by_name(data: pathlib.Path, out: pathlib.Path) -> None:
    def refused(kind: type[Exception], text: str, **options: Any) -> None:
        with pytest.raises(kind, match=text):
            llava.Trainer(TINY, data, out, **options)
        assert not out.exists()

    refused(TypeError, r"Trainer\(\) got an unexpected keyword argument 'learning_rate'", learning_rate=1)
    refused(TypeError, r"lr is \[1\], expected a number or a text", lr=[1])
    refused(ValueError, "lr is nan, expected a finite number", lr=float("nan"))
    refused(ValueError, "lr", lr="much")
    refused(ValueError, "stage", stage=3)
    refused(ValueError, "order", order="random")
    refused(llava.NotFoundError, "there are llava-1.5", preset="llava-9")
    refused(llava.InvalidArgumentError, "fits no parameter", learns="nothing")
    refused(llava.UnsupportedError, r"nproc is 2: a Trainer is one process; llava.train\(\) starts several", nproc=2)
    with pytest.raises(FileNotFoundError, match="absent.json"):
        llava.train(TINY, data.parent / "absent.json", out)
    with pytest.raises(TypeError, match=r"train\(\) got an unexpected keyword argument 'force'"):
        llava.train(TINY, data, out, force=True)  # type: ignore[call-arg]


def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_bits(
    data: pathlib.Path, out: pathlib.Path, whole: bytes
) -> None:
    with llava.Trainer(TINY, data, out, **OPTIONS) as trainer:
        assert not trainer.run(3) and trainer.metrics.step == 3
        for event in trainer:
            if event.type == "step" and event["step"] == 4:  # those before are told too
                trainer.stop()  # ends the loop, saved
        assert trainer.metrics.step == 4 and snapshots(out) == [4]
        trainer.stop()
        assert not trainer.run() and trainer.metrics.step == 4
        trainer.run(1)
    assert snapshots(out) == [4, 5]  # `with` has saved what was not
    with pytest.raises(llava.InvalidArgumentError, match="lr is"):
        llava.Trainer(TINY, data, out, **(OPTIONS | {"lr": 1e-4}))
    with llava.Trainer(TINY, data, out, **OPTIONS) as trainer:
        assert next(event for event in trainer if event.type == "start")["resumed_from"].endswith("step-00000005")
        trainer.save()
        assert trainer.run()
    assert weights(out) == whole


def test_an_early_end_without_steps_leaves_no_snapshot(data: pathlib.Path, out: pathlib.Path) -> None:
    with llava.Trainer(TINY, data, out, **OPTIONS):
        pass
    assert not (out / "checkpoints").exists() or snapshots(out) == []


def interrupt_after(seconds: float) -> None:
    """Ctrl-C from outside."""
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()


@pytest.mark.parametrize("way", ["run", "loop", "body"])
def test_ctrl_c_finishes_the_step_saves_and_raises(endless: llava.Trainer, out: pathlib.Path, way: str) -> None:
    def work() -> None:
        if way == "run":
            endless.run()
        for event in endless:
            if way == "body" and event.type == "step" and event["step"] == 3:
                os.kill(os.getpid(), signal.SIGINT)  # between two steps: `with` saves

    if way != "body":
        interrupt_after(0.2)
    with pytest.raises(KeyboardInterrupt), endless:
        work()
    (last,) = snapshots(out)
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert last == lines[-1]["step"] > 0
    if way == "run":  # in the others it may have come between two steps
        assert json.loads((out / "run.json").read_text())["state"] == "stopped"


def test_ctrl_c_stops_a_whole_stage_of_a_loaded_model(
    tiny: llava.Model, data: pathlib.Path, out: pathlib.Path
) -> None:
    interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        llava.train(tiny, data, out, **ENDLESS)
    assert len(snapshots(out)) == 1
    assert tiny.ask("hi", max_tokens=1).tokens


def test_closing_from_another_thread_finishes_the_step_and_saves(
    endless: llava.Trainer, out: pathlib.Path
) -> None:
    through: list[bool] = []
    thread = threading.Thread(target=lambda: through.append(endless.run()))
    thread.start()
    while endless.metrics.step < 2:
        time.sleep(0.005)
    with pytest.raises(llava.BusyError):
        endless.run(1)
    with pytest.raises(llava.BusyError):
        endless.evaluate()
    assert repr(endless).startswith("<llava.Trainer ")
    endless.close()
    endless.close()
    thread.join()
    assert through == [False] and len(snapshots(out)) == 1
    assert llava.live_objects()["trainer"] == 0
    assert endless.closed and repr(endless) == "<llava.Trainer closed>"
    for use in (endless.run, endless.stop, endless.save, endless.report, lambda: endless.metrics, lambda: next(endless)):
        with pytest.raises(llava.ClosedError, match="Trainer is closed"):
            use()


def test_another_thread_watches_holds_and_stops_a_run(endless: llava.Trainer) -> None:
    thread = threading.Thread(target=endless.run)
    thread.start()
    steps = 0
    for event in endless.watch():
        steps += event.type == "step"
        if steps == 3:
            endless.pause()
            held = endless.metrics.step
            time.sleep(0.1)
            assert endless.metrics.step <= held + 1  # the one that was under way
            endless.pause(False)
            endless.stop()
            break
    thread.join()
    assert endless.metrics.step >= 3 and not endless.metrics.finished


def test_watching_ends_with_the_run(data: pathlib.Path, out: pathlib.Path) -> None:
    with llava.Trainer(TINY, data, out, **OPTIONS) as trainer:
        thread = threading.Thread(target=trainer.run)
        thread.start()
        kinds = [event.type for event in trainer.watch()]
        thread.join()
    assert kinds.count("step") == STEPS and kinds[-1] == "result"


def test_async_for_trains_beside_the_loop(data: pathlib.Path, out: pathlib.Path, whole: bytes) -> None:
    async def work() -> tuple[int, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticker = asyncio.create_task(tick())
        with llava.Trainer(TINY, data, out, **OPTIONS) as trainer:
            steps = [event async for event in trainer if event.type == "step"]
        ticker.cancel()
        return len(steps), ticks

    steps, ticks = asyncio.run(work())
    assert steps == STEPS and ticks > STEPS
    assert weights(out) == whole


def test_a_cancelled_task_finishes_its_step_and_saves(endless: llava.Trainer, out: pathlib.Path) -> None:
    async def work() -> None:
        async def pull() -> None:
            async for _ in endless:
                pass

        task = asyncio.create_task(pull())
        while endless.metrics.step < 2:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert snapshots(out) == [endless.metrics.step]

    asyncio.run(work())


def test_what_a_callback_raises_comes_out_and_its_false_stops(
    tiny: llava.Model, data: pathlib.Path, out: pathlib.Path, whole: bytes
) -> None:
    class Own(Exception):
        pass

    raised = Own("mine")

    def fail(event: llava.TrainEvent) -> None:
        if event.type == "step":
            raise raised

    for model in (TINY, tiny):
        with pytest.raises(Own) as caught:
            llava.train(model, data, out, on_event=fail, **OPTIONS)
        assert caught.value is raised and any(frame.name == "fail" for frame in caught.traceback)

    for model in (TINY, tiny):
        with pytest.raises(llava.CancelledError, match="on_event|callback"):
            llava.train(model, data, out, on_event=lambda event: event.type != "step", **OPTIONS)
    report = llava.train(tiny, data, out, **OPTIONS)  # the same call goes on
    assert report["step"] == STEPS and report["resumed_from"]
    assert weights(out) == whole


def test_a_token_stops_a_run_from_another_thread(data: pathlib.Path, out: pathlib.Path) -> None:
    with llava.Cancel() as cancel:
        threading.Timer(0.2, cancel.cancel).start()
        with pytest.raises(llava.CancelledError):
            llava.train(TINY, data, out, cancel=cancel, **ENDLESS)


def test_several_processes_end_with_the_bits_of_one(data: pathlib.Path, out: pathlib.Path, whole: bytes) -> None:
    told: list[llava.TrainEvent] = []
    report = llava.train(TINY, data, out, on_event=told.append, **(OPTIONS | SHARDS | {"eval_data": data}))
    assert [event["step"] for event in told if event.type == "step"] == list(range(1, STEPS + 1))
    assert report["step"] == STEPS and weights(out) == whole and "answer" in [event.type for event in told]


def test_the_module_trains_as_the_command_does(data: pathlib.Path, out: pathlib.Path, whole: bytes) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "llava", "train", TINY, "--stage", "2", "--data", data, "--out", out, "--batch", "4",
         "--micro-batch", "2", "--steps", str(STEPS), "--lr", "1e-3", "--nproc", "2", "--json"],
        capture_output=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["step"] == STEPS and weights(out) == whole


@pytest.mark.parametrize("installed", [True, False])
def test_a_bar_is_shown_only_when_asked_for(
    data: pathlib.Path, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    """tqdm is stood in for: the tests' environment has none."""
    package = tmp_path / "packages" / "tqdm"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "auto.py").write_text(
        "import sys\nclass tqdm:\n"
        "    def __init__(self, total, initial, unit): self.n = initial; print('bar of', total, unit, file=sys.stderr)\n"
        "    def set_postfix_str(self, text, refresh): assert text.startswith('loss ')\n"
        "    def update(self, more): self.n += more; print('at', self.n, file=sys.stderr)\n"
        "    def write(self, text, file): print(text, file=file)\n"
        "    def close(self): print('closed', file=sys.stderr)\n"
    )
    for name in ("tqdm", "tqdm.auto"):
        sys.modules.pop(name, None)
    if installed:
        monkeypatch.syspath_prepend(str(package.parent))
    options: llava.TrainOptions = {**OPTIONS, "steps": 2, "batch": 2}
    llava.train(TINY, data, tmp_path / "quiet", **options)
    assert capfd.readouterr() == ("", "")
    llava.train(TINY, data, tmp_path / "shown", progress=True, **(options | {"eval_data": data}))
    with llava.Trainer(TINY, data, tmp_path / "stepped", **options) as trainer:
        assert not trainer.run(1, progress=True) and trainer.run(progress=True)
    text = capfd.readouterr().err
    if installed:
        assert [text.count(each) for each in ("bar of 2 step", "at 1\n", "at 2\n", "closed")] == [3, 2, 2, 3]
    else:
        assert len(re.findall(r"step 2/2  loss \d+\.\d{4}, \d+\.\d samples/s\n", text)) == 2
    assert "step 2: held-out loss " in text


def test_runs_do_not_leak(data: pathlib.Path, out: pathlib.Path) -> None:
    def once() -> None:
        with llava.Trainer(TINY, data, out, **ENDLESS) as trainer:
            trainer.run(1)
            next(trainer)

    for _ in range(3):
        once()
    gc.collect()
    objects, memory = llava.live_objects(), resident_bytes()
    for _ in range(REPEAT // 10):
        once()
    gc.collect()
    assert llava.live_objects() == objects
    assert resident_bytes() - memory < LEAK_BYTES


def test_a_process_that_ends_during_a_run_ends_quietly(data: pathlib.Path, out: pathlib.Path) -> None:
    code = (
        "import sys, threading, time, llava\n"
        "trainer = llava.Trainer(*sys.argv[1:], steps=100000, batch=1)\n"
        "threading.Thread(target=trainer.run, daemon=True).start()\n"
        "while trainer.metrics.step < 2: time.sleep(0.01)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, TINY, data, out], capture_output=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, b"", b"")
