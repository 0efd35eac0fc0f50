"""Writes oracle cases: a fresh random model, pictures and a conversation per seed, with what transformers answers.

    python cases.py DIR --seeds N [--first-seed S] [--dtype f32|bf16] [--self-check]

A case is a folder: model/ (a Hugging Face directory), pictures, case.json and one .npy per expected value. reference/compare.py
runs the command on such folders. Run through tools/oracle.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import warnings

import numpy
import sentencepiece

import pictures
from models import Shape, build_model, preprocessor, save_model
from plain import Plain
from run import (IMAGE_PLACE, greedy_of, logits_of, pixels_of, prepare_torch, processor_of, selected_features,
                 vision_states)
from tokenizer import WORDS

GREEDY_STEPS = 64
ATTEMPTS = 40
CONVERSATIONS = ("one_image", "two_images", "three_turns", "no_image", "image_first", "neighbours")
STRANGE = ["\n", "  ", "é", "日本", "🙂", "</s>", "<s>", "###", "12.5", "\t", "<image", "A:"]


def random_rope(rng, context):
    kind = ("none", "linear", "dynamic", "llama3")[int(rng.integers(4))]
    if kind == "none":
        return None, context
    factor = float(rng.choice([2.0, 4.0, 2.5]))
    if kind == "llama3":
        return {"rope_type": "llama3", "factor": factor, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": int(rng.choice([16, 64]))}, context
    key = "type" if rng.integers(2) else "rope_type"
    # dynamic: prompt and answer outgrow the context the model names, which is when the scaling sets in
    return {key: kind, "factor": 12.0 if kind == "dynamic" else factor}, int(rng.integers(16, 40)) if kind == "dynamic" else context


def random_shape(seed, dtype):
    """Sizes that are seldom powers of two; every variant of the layout comes up within a dozen seeds."""
    rng = numpy.random.default_rng([seed, 1])
    pick = lambda *choices: choices[int(rng.integers(len(choices)))]  # noqa: E731
    vision_layers, vision_heads, patch = int(rng.integers(2, 5)), int(rng.integers(1, 5)), pick(14, 7, 8, 5)
    kv_heads, head_dim = int(rng.integers(1, 4)), pick(4, 6, 8, 10, 16)
    heads, pieces = kv_heads * int(rng.integers(1, 5)), int(rng.integers(300, 420))
    scaling, context = random_rope(rng, 512)
    return Shape(
        vision_width=vision_heads * int(rng.integers(5, 17)), vision_heads=vision_heads,
        vision_intermediate=int(rng.integers(20, 70)), vision_layers=vision_layers, patch=patch,
        image=patch * int(rng.integers(2, 5)) + pick(0, 0, 3), vision_act=pick("quick_gelu", "quick_gelu", "gelu", "gelu_pytorch_tanh"),
        width=pick(heads * head_dim, heads * head_dim, int(rng.integers(20, 60))), intermediate=int(rng.integers(25, 90)),
        layers=int(rng.integers(2, 5)), heads=heads, kv_heads=kv_heads, head_dim=head_dim, pieces=pieces,
        spare_rows=int(rng.integers(2, 9)), context=context, rms_eps=pick(1e-5, 1e-6), rope_theta=pick(1e4, 5e5, 500.0),
        rope_scaling=scaling, attention_bias=pick(False, False, True), mlp_bias=pick(False, False, True), tied=pick(False, False, True),
        projector_bias=pick(True, True, False), projector_act=pick("gelu", "gelu", "gelu_pytorch_tanh"),
        feature_layer=pick(-2, -2, -1, int(rng.integers(1, vision_layers + 1))), strategy=pick("default", "default", "full"),
        new_names=bool(seed % 2), shards=pick(1, 2, 3), extras=pick(False, True), drop_unused=pick(False, True),
        dtype="bfloat16" if dtype == "bf16" else pick("float32", "float32", "bfloat16", "float16"),
        pad_to_square=pick(False, False, True), resize=0)


def with_resize(shape, seed):
    """One model in four resizes to more than it crops."""
    return dataclasses.replace(shape, resize=shape.image + 5) if seed % 4 == 2 else shape


def random_conversation(shape, seed):
    """(kind, ids); places are filled by pictures 0, 1, … in order."""
    rng = numpy.random.default_rng([seed, 2])
    words = lambda low=2, high=7: rng.integers(3, shape.pieces, int(rng.integers(low, high))).tolist()  # noqa: E731
    kind, place, end = CONVERSATIONS[seed % len(CONVERSATIONS)], [IMAGE_PLACE], [2]
    made = {
        "one_image": lambda: words() + place + words(),
        "two_images": lambda: words() + place + words() + place + words(),
        "three_turns": lambda: words() + place + words() + end + words() + end + words() + place + words(),
        "no_image": lambda: words(4, 12),
        "image_first": lambda: place + words(1, 3),
        "neighbours": lambda: words() + place + place + words(1, 3),
    }
    return kind, [1] + made[kind]()


def random_prompt(seed):
    """Text for the tokenizer with places written as <image>: words, line breaks, bytes outside the vocabulary, marks as text."""
    rng = numpy.random.default_rng([seed, 3])
    parts = [str(rng.choice(WORDS if rng.integers(4) else STRANGE)) for _ in range(int(rng.integers(3, 14)))]
    for _ in range(int(rng.integers(0, 3))):
        parts.insert(int(rng.integers(0, len(parts) + 1)), str(rng.choice(["<image>", "<image>\n"])))
    return str(rng.choice([" ", ""])).join(parts)


def ids_of_prompt(model_folder, prompt):
    """The original's chunk rule: one BOS, every piece between places tokenised by itself (llava-facts 4.5)."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model_folder / "tokenizer.model"))
    ids = [1]
    for index, chunk in enumerate(prompt.split("<image>")):
        ids += ([IMAGE_PLACE] if index else []) + processor.encode(chunk)
    return ids


def write_pictures(folder, seed):
    """Three pictures; the kinds rotate, so that twelve kinds come up within four seeds."""
    names, kinds = [], list(pictures.KINDS)
    for index in range(3):
        kind = kinds[(3 * seed + index) % len(kinds)]
        ending, data = pictures.KINDS[kind](numpy.random.default_rng([seed, 4, index]))
        names.append(f"{index}-{kind}{ending}")
        (folder / names[-1]).write_bytes(data)
    return names


def chosen_model(shape, seed, ids, pixels):
    """A model whose answer runs to the last step (four seeds in five) or ends by itself on the way."""
    wants_end = seed % 5 == 4
    for attempt in range(ATTEMPTS):
        model = build_model(shape, [seed, 5, attempt])
        greedy, margin = greedy_of(model, shape, ids, pixels, GREEDY_STEPS)
        if wants_end == (2 in greedy.tolist()[5:]) and (wants_end or 2 not in greedy.tolist()):
            break
    return model, greedy, margin


def write_case(folder, seed, dtype, self_check):
    folder.mkdir(parents=True, exist_ok=True)
    shape = with_resize(random_shape(seed, dtype), seed)
    names, (kind, ids) = write_pictures(folder, seed), random_conversation(shape, seed)
    processor = processor_of(preprocessor(shape))
    decoded = [pixels_of(folder / name, processor) for name in names]
    used = [ready for _, ready in decoded][: ids.count(IMAGE_PLACE)]
    model, greedy, margin = chosen_model(shape, seed, ids, used)
    save_model(model, shape, folder / "model")

    arrays = {"margin": margin.numpy(), "logits": logits_of(model, shape, ids, used).numpy()}
    for index, (bare, ready) in enumerate(decoded):
        states = vision_states(model, ready)
        features = selected_features(states, shape.feature_layer, shape.strategy)
        arrays.update({f"pixels_u8.{index}": bare, f"pixels.{index}": ready, f"features.{index}": features.numpy(),
                       f"projected.{index}": model.model.multi_modal_projector(features).numpy()})
        if index == 0:
            arrays["first_block.0"] = selected_features(states, 1, shape.strategy).numpy()
    for name, values in arrays.items():
        numpy.save(folder / f"{name}.npy", values)

    prompt = random_prompt(seed)
    case = {"seed": seed, "conversation": kind, "ids": ids, "pictures": names, "greedy": greedy.tolist(), "end": 2,
            "prompt": prompt, "prompt_ids": ids_of_prompt(folder / "model", prompt), "dtype": dtype,
            "has_first_block": shape.vision_blocks_used >= 1, "mean": preprocessor(shape)["image_mean"],
            "std": preprocessor(shape)["image_std"], "shape": dataclasses.asdict(shape)}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")
    return vouch(folder, ids, used, arrays["logits"]) if self_check else None


def vouch(folder, ids, used, logits):
    own = Plain(folder / "model").logits(ids, used)
    return float(numpy.abs(own - logits).max() / max(1.0, numpy.abs(logits).max()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--self-check", action="store_true")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Palette images with Transparency")
    prepare_torch()
    worst = 0.0
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        distance = write_case(options.folder / f"seed-{seed:04d}", seed, options.dtype, options.self_check)
        if distance is not None:
            worst = max(worst, distance)
            print(f"seed {seed:4d}: transformers and plain f64 arithmetic differ by {distance:.1e} in the logits", flush=True)
        elif sys.stderr.isatty():
            print(f"\roracle: case {seed}", end="", file=sys.stderr, flush=True)
    if worst > 2e-5:
        sys.exit(f"the reference does not agree with itself: {worst:.1e}")


if __name__ == "__main__":
    main()
