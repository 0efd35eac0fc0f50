"""Records to train on, and the options all runs of the tests share."""

import json
import pathlib
import shutil
from typing import Any

from conftest import PICTURE

import llava

STEPS = 10
OPTIONS: llava.TrainOptions = {"stage": 2, "steps": STEPS, "batch": 4, "micro_batch": 2, "lr": 1e-3}
SHARDS: llava.TrainOptions = {"nproc": 2, "zero": 3, "answer_every": STEPS}  # and the whole model, on the way
ENDLESS: llava.TrainOptions = {"stage": 2, "steps": 1_000_000, "batch": 1, "micro_batch": 1, "lr": 1e-5}


def write_records(folder: pathlib.Path) -> pathlib.Path:
    """Twelve short conversations, most of them about a picture with an uncommon name."""
    shutil.copy(PICTURE, folder / "写真 🦙.png")
    rows: list[dict[str, Any]] = []
    for number in range(12):
        words = [("human", f"What is {number}?"), ("gpt", f"It is {number * number}.")]
        if number % 3:
            words[0] = ("human", "<image>\n" + words[0][1])
        turns = [{"from": who, "value": text} for who, text in words]
        rows.append({"id": str(number), **({"image": "写真 🦙.png"} if number % 3 else {}), "conversations": turns})
    path = folder / "data.json"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def weights(folder: pathlib.Path) -> bytes:
    """What a run came to."""
    return (folder / "model.safetensors").read_bytes()


def snapshots(folder: pathlib.Path) -> list[int]:
    """Steps whose snapshots are there."""
    return sorted(int(path.name.partition("-")[2]) for path in (folder / "checkpoints").glob("step-*"))
