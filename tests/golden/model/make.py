#!/usr/bin/env python3
"""Makes the golden models of this folder: tiny random LLaVAs with what transformers computes from them.

    ~/.cache/libllava/oracle-venv/bin/python tests/golden/model/make.py [NAME]…

The packages are those of tools/oracle-requirements.txt (`tools/oracle --setup` fetches them). README.md says what every
file holds and how closely a test has to agree. Deterministic on one machine; between machines f32 sums may differ in the
last place, which is far inside the tolerances.
"""

import dataclasses
import pathlib
import sys

import numpy
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "tools" / "reference"))

import pictures  # noqa: E402
from models import Shape, build_model, open_model, preprocessor, save_model  # noqa: E402
from plain import Plain  # noqa: E402
from run import (greedy_of, logits_of, pixels_of, prepare_torch, processor_of, selected_features, spliced,  # noqa: E402
                 until_end, vision_states)

PLACE = -200
PICTURES = [("tall", "one_by_thousand", 2), ("wide", "jpeg_4_to_1", 5), ("palette", "palette_alpha_png", 1)]
LEAST_MARGIN = 1e-3  # no greedy step is a near-tie: tests compare all 64 ids

SMALL = dict(vision_width=16, vision_heads=2, vision_intermediate=28, vision_layers=2, patch=7, image=21, width=24,
             intermediate=34, layers=2, heads=4, kv_heads=2, head_dim=6, pieces=300, spare_rows=4)

MODELS = {
    # old names, quick_gelu, grouped queries, layer -2, every tensor present
    "tiny": Shape(pieces=300),
    # new names, two shards, tied head, class token kept, positive layer, later blocks absent, head width of its own
    "tiny_new": Shape(**{**SMALL, "vision_layers": 3, "head_dim": 10, "kv_heads": 1}, tied=True, strategy="full", feature_layer=2,
                      rope_scaling={"rope_type": "linear", "factor": 2.5}, new_names=True, shards=2, drop_unused=True,
                      vision_act="gelu", projector_bias=False),
    # weights stored in bf16 (computed in f32 from those values), llama3 scaling, biases everywhere, last vision layer,
    # tensors that nobody reads
    "tiny_bf16": Shape(**{**SMALL, "head_dim": 12, "heads": 2, "kv_heads": 1}, dtype="bfloat16", feature_layer=-1, extras=True,
                       attention_bias=True, mlp_bias=True, rope_theta=500.0, rms_eps=1e-6,
                       rope_scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                     "original_max_position_embeddings": 64}),
    # dynamic scaling: the second and third conversation and all answers outgrow the 20 positions (6 x 20 are enough for all)
    "tiny_dynamic": Shape(**SMALL, context=20, rope_scaling={"type": "dynamic", "factor": 6.0}, extras=True, drop_unused=True,
                          pad_to_square=True),
}


def write_pictures(folder):
    folder.mkdir(exist_ok=True)
    paths = []
    for name, kind, seed in PICTURES:
        ending, data = pictures.KINDS[kind](numpy.random.default_rng(seed))
        paths.append(folder / (name + ending))
        paths[-1].write_bytes(data)
    return paths


def conversations(shape, seed):
    """(ids with image places, indices of the pictures): no picture; one; three turns with two."""
    rng = numpy.random.default_rng(seed + 1000)
    words = lambda count: rng.integers(3, shape.pieces, count).tolist()  # noqa: E731
    return [
        ([1] + words(9), []),
        ([1] + words(3) + [PLACE] + words(6), [1]),
        ([1] + words(2) + [PLACE] + words(4) + [2] + words(3) + [2] + words(2) + [PLACE] + words(3), [0, 2]),
    ]


def expected_values(model, shape, paths, seed):
    processor = processor_of(preprocessor(shape))
    out, pixels, projected = {}, [], []
    for path in paths:
        bare, ready = pixels_of(path, processor)
        states = vision_states(model, ready)
        features = selected_features(states, shape.feature_layer, shape.strategy)
        pixels.append(ready)
        projected.append(model.model.multi_modal_projector(features))
        out[f"pixels_u8.{path.stem}"] = torch.from_numpy(bare)
        out[f"pixels.{path.stem}"] = torch.from_numpy(ready)
        out[f"features.{path.stem}"] = features
        out[f"projected.{path.stem}"] = projected[-1]
        if path.stem == "wide":
            out.update({f"hidden.{index}": state for index, state in enumerate(states[: shape.vision_blocks_used + 1])})
    for index, (ids, used) in enumerate(conversations(shape, seed)):
        own, name = [pixels[each] for each in used], f"conversation.{index}."
        greedy, margin = greedy_of(model, shape, ids, own)
        out[name + "ids"] = torch.tensor(ids)
        out[name + "pictures"] = torch.tensor(used, dtype=torch.int64)
        out[name + "embeds"] = spliced(model, ids, [projected[each] for each in used])
        out[name + "logits"] = logits_of(model, shape, ids, own)
        out[name + "greedy"] = greedy
        out[name + "greedy_until_end"] = until_end(greedy)
        out[name + "margin"] = margin
    return {name: tensor.contiguous().clone() for name, tensor in out.items()}


def is_telling(expected):
    """A model worth keeping: no near-tie, answers that wander, one of them ends by itself, one does not."""
    answers = [expected[f"conversation.{index}.greedy"].tolist() for index in range(3)]
    margins = min(float(expected[f"conversation.{index}.margin"].min()) for index in range(3))
    ends = [answer.index(2) if 2 in answer else -1 for answer in answers]
    return margins >= LEAST_MARGIN and min(len(set(a)) for a in answers) >= 12 and max(ends) >= 5 and min(ends) == -1


def vouch(folder, shape, expected):
    """Largest distance between the expected logits and the plain f64 arithmetic over the saved files.

    Also opens the folder with transformers itself, as a user would, and asks for the same logits bit for bit.
    """
    plain, worst, stems = Plain(folder), 0.0, [name for name, _, _ in PICTURES]
    opened = open_model(folder)
    for index in range(3):
        name = f"conversation.{index}."
        pixels = [expected[f"pixels.{stems[each]}"].numpy() for each in expected[name + "pictures"].tolist()]
        own = plain.logits(expected[name + "ids"].tolist(), pixels)
        reference = expected[name + "logits"].numpy()
        if not numpy.array_equal(reference, logits_of(opened, shape, expected[name + "ids"].tolist(), pixels).numpy()):
            raise ArithmeticError(f"{folder.name}: the saved folder, opened by transformers, gives other logits")
        worst = max(worst, numpy.abs(own - reference).max() / max(1.0, numpy.abs(reference).max()))
    if worst > 2e-5:
        raise ArithmeticError(f"{folder.name}: plain arithmetic and transformers differ by {worst:.2e}")
    return worst


def make(name, paths):
    shape = MODELS[name]
    for seed in range(1, 4000):
        model = build_model(shape, seed)
        expected = expected_values(model, shape, paths, seed)
        if is_telling(expected):
            break
    else:
        raise RuntimeError(f"{name}: no telling seed")
    folder = HERE / name
    save_model(model, shape, folder)
    worst = vouch(folder, shape, expected)
    save_file(expected, folder / "expected.safetensors")
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name}: seed {seed}, {size} bytes, plain arithmetic differs by {worst:.1e}, "
          f"shape {dataclasses.asdict(shape)['width']}x{shape.layers}")


def make_linear():
    """The paper's projector: one matrix with bias, y = x W' + b. Its checkpoints have the original layout only."""
    rng = numpy.random.default_rng(3)
    x, weight, bias = (torch.from_numpy(rng.standard_normal(size).astype(numpy.float32)) for size in ((9, 30), (36, 30), (36,)))
    save_file({"x": x, "weight": weight, "bias": bias, "y": torch.nn.functional.linear(x, weight, bias)},
              HERE / "linear_projector.safetensors")


def main():
    prepare_torch()
    paths = write_pictures(HERE / "pictures")
    make_linear()
    for name in sys.argv[1:] or MODELS:
        make(name, paths)


if __name__ == "__main__":
    main()
