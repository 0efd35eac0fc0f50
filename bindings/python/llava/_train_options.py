"""How a stage is trained: the fields of llava_train_options by their names."""

import json
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, TypedDict

from ._dataset import Dataset
from ._handle import path_bytes

Path: TypeAlias = str | os.PathLike[str]


class TrainOptions(TypedDict, total=False):
    """How a stage is trained: keywords of train(), Trainer() and plan_training(). What is not given is the preset's."""

    stage: Literal[1, 2]
    """1 (default): the projector learns; 2: the language model too"""
    preset: str
    """ "llava-1.5" (default), "llava-1.5-lora", "llava-1.5-qlora", "llava-v0", "scienceqa", "custom" """
    image_root: Path | None
    """folder of all pictures; None: that of the file whose records name them"""
    resume: Literal["auto", "never"] | Path
    """ "auto" (default): go on where the run in out_dir stopped; "never": refuse such a folder; or a snapshot's folder"""
    eval_data: Path | None
    """held-out records"""
    learns: str
    """regular expression over names of parameters, as "projector.*"; default: the stage's"""
    template: str
    """conversation template"""
    vision_tower: Path | None
    """folder of the CLIP tower, instead of the one the checkpoint names"""
    projector: Path | None
    """file of a projector, instead of the checkpoint's"""
    new_projector: str
    """ "mlp2x_gelu", "linear": begin with a projector that has learned nothing"""
    lr: float
    """peak learning rate"""
    projector_lr: float
    """of the projector; default: lr"""
    vision_lr: float
    """of the vision tower, where `learns` takes it in"""
    weight_decay: float
    beta1: float
    beta2: float
    epsilon: float
    warmup_ratio: float
    """steps of warm-up, of all"""
    clip: float
    """largest norm of a step's gradient; 0: no bound"""
    batch: int
    """samples of a step, over all ranks"""
    micro_batch: int
    """samples that go through the model together; a divisor of batch"""
    epochs: int
    """times the data are seen"""
    steps: int
    """length of the run, instead of epochs"""
    max_length: int
    """positions of a sample, pictures counted: what is longer is cut; 0: the model's context"""
    warmup_steps: int
    """instead of warmup_ratio"""
    seed: int
    """of orders and draws"""
    save_every: int
    """steps between snapshots; 0 (default): at the end and when stopped"""
    keep: int
    """snapshots that are kept"""
    eval_every: int
    """steps between evaluations on eval_data; 0 (default): at the end"""
    skip_bad: int
    """records that may be unusable: each is named and left out; 0 (default): the first ends the run; -1: any number"""
    skip_diverged: int
    """steps in a row that may be left out because loss or gradient is not finite; 0 (default): the first ends the run"""
    torch_files: bool
    """also the original's files, in torch's format: mm_projector.bin, non_lora_trainables.bin"""
    save_async: bool
    """the snapshots of save_every are written meanwhile, from a copy (12 bytes a parameter)"""
    answer_every: int
    """steps after which the first questions of answer_data, at most three, are asked: an event each; 0 (default): never"""
    answer_data: Path | Dataset | None
    """records with these questions; default: eval_data"""
    device: str
    """ "cpu" (default), "cuda:0"; "cuda": of several processes each takes the card of its number on its machine"""
    schedule: Literal["cosine", "linear", "constant", "wsd"]
    """wsd: after the warm-up the peak, then straight down to 0 over the last decay_ratio of the run"""
    decay_ratio: float
    """of the schedule "wsd" alone: steps over which it goes down, of all; default: 0.1"""
    sum_order: Literal["tree", "chain"]
    """how the gradients of a step's micro-batches are added up; chain takes less memory and gives other last digits"""
    loss_mean: Literal["group", "global"]
    """over micro-batches alike, as published, or over tokens alike"""
    order: Literal["sequential", "shuffled", "grouped", "upstream"]
    image_place: Literal["first", "as-written", "random"]
    """where the picture of the first question goes"""
    image_aspect_ratio: Literal["pad", "square"]
    """a picture is padded to a square, or its centre cropped; default: as the model's files say, else the preset's"""
    labels: Literal["spans", "upstream"]
    """which tokens are learned: the assistant's words, or by the original's rules"""
    allow_outside: bool
    """pictures may lie anywhere, not below image_root alone"""
    loader_threads: int
    """that decode pictures ahead"""
    dtype: Literal["auto", "f32", "bf16"]
    """bf16: weights rounded for what they are multiplied with"""
    recompute: Literal["auto", "none", "cheap", "full"]
    """what is computed twice to save memory"""
    nproc: int
    """processes: 1 (default): this one; more: train() starts so many; 0: this is one of several, as torchrun says"""
    zero: Literal[0, 1, 2, 3]
    """of what each process holds its share alone; 1: the optimizer's state, 2: and gradients, 3: and what learns"""
    deterministic: Literal["auto", "on", "off"]
    """on: the same bits on any number of processes"""
    tensorboard: bool
    """event files below out_dir/tensorboard"""
    projector_file: bool
    """mm_projector.safetensors beside the result"""
    base_bits: Literal[4, 16]
    """4: frozen weights beside a LoRA in four bits (QLoRA)"""
    lora_r: int
    """rank of a LoRA, 0 for none; the result is an adapter"""
    lora_alpha: float
    """its products count alpha / r"""
    lora_dropout: float
    """of its inputs"""
    lora_targets: str | Iterable[str]
    """matrices by name; default: all of the language model's layers"""
    rank_program: Path | None
    """what processes run; None: libexec/llava/llava-rank of this package"""


_PATHS = ("data", "image_root", "out_dir", "resume", "eval_data", "vision_tower", "projector", "rank_program", "answer_data")


def native_options(given: Mapping[str, Any], call: str) -> tuple[str, dict[str, bytes]]:
    """Options as the extension takes them: JSON with the names of llava_train_options, and paths."""
    values: dict[str, Any] = {}
    paths: dict[str, bytes] = {}
    for name, value in given.items():
        if name not in TrainOptions.__annotations__ and name not in ("data", "out_dir"):
            raise TypeError(f"{call}() got an unexpected keyword argument '{name}'; see llava.TrainOptions")
        if value is None:
            continue
        if name in _PATHS:
            paths[name] = path_bytes(value.path if isinstance(value, Dataset) else value)
        else:
            values["template_name" if name == "template" else name] = _plain(name, value)
    data = given.get("data")
    if isinstance(data, Dataset) and "image_root" not in paths and data.image_root != data.path.parent:
        paths["image_root"] = path_bytes(data.image_root)
    return json.dumps(values), paths


def _plain(name: str, value: Any) -> Any:
    if name == "lora_targets" and not isinstance(value, str):
        return ",".join(value)
    if name == "base_bits":
        return str(value)
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"{name} is {value!r}, expected a number or a text")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}, expected a finite number")
    return value
