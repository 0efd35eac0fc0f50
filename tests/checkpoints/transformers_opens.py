#!/usr/bin/env python3
"""Opens what `llava convert` writes with transformers' from_pretrained and compares logits with what they were before.

    ~/.cache/libllava/oracle-venv/bin/python tests/checkpoints/transformers_opens.py build/bin/llava

Needs the oracle's packages, so only `tools/test --full` runs it, where they are; README.md has the figures of its last run. Every golden
checkpoint that the Hugging Face layout can hold is converted to it, directly and by way of the original layout.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import LlavaNextForConditionalGeneration, LlavaNextImageProcessor

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
sys.path.insert(0, str(HERE.parents[1] / "tools" / "reference"))

import make_next  # noqa: E402
from models import open_model  # noqa: E402
from run import IMAGE_PLACE, prepare_torch  # noqa: E402

CASES = {  # folder: options of the command, folder of the expected values
    "hf_layers": [], "hf_layers_full": [], "hf_rows": [], "hf_mistral": [], "hf_ties": [], "original_v15": [],
    "parts_base": ["--projector", str(GOLDEN / "parts_projector" / "mm_projector.safetensors"), "--vision-tower", str(GOLDEN / "parts_clip")],
}
WAYS = {"hf": ["hf"], "original, then hf": ["original", "hf"], "hf in bf16": ["hf --dtype bf16"], "hf in shards": ["hf --shard-size 7000"]}
ONE_WAY = {"hf_layers", "hf_layers_full"}  # features of several layers have no place in the original layout


def logits_of(folder, expected):
    model = open_model(folder)
    config = model.config
    ids, pixels = expected["ids"].tolist(), expected["pixels"]
    rows = (config.vision_config.image_size // config.vision_config.patch_size) ** 2
    rows += config.vision_feature_select_strategy == "full"
    out = []
    for token in ids:
        out += [config.image_token_id] * rows if token == IMAGE_PLACE else [token]
    return model(input_ids=torch.tensor([out]), pixel_values=pixels, use_cache=False).logits[0].float()


def next_distance(folder, expected):
    """Of a LLaVA-NeXT: its own processor cuts, its own forward packs; the last logits of every prompt."""
    model = LlavaNextForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    saved = LlavaNextImageProcessor.from_pretrained(folder)
    made = make_next.pictures()
    shape = make_next.next_shape()
    for picture in made:
        own = saved(picture, input_data_format="channels_last")["pixel_values"][0] if min(picture.shape[:2]) > 3 else None
        if own is not None and not (own == make_next.hf_pixels(picture, shape)[1]).all():
            raise RuntimeError(f"{folder}: the processor that was written cuts otherwise")
    worst = 0.0
    for number, prompt in enumerate(make_next.PROMPTS):
        found, _, _ = make_next.hf_answer(model, shape, expected[f"ids.{number}"].tolist(), [made[i] for i in prompt])
        wanted = expected[f"logits.{number}"]
        worst = max(worst, float((found[-len(wanted):] - wanted).abs().max() / max(1.0, float(wanted.abs().max()))))
    return worst


def convert(command, source, layouts, options, work):
    for number, layout in enumerate(layouts):
        target = work / f"{number}"
        done = subprocess.run([command, "convert", str(source), str(target), "--layout", *layout.split(), *options], check=True)
        source, options = target, []
        assert done.returncode == 0
    return source


def merged_lora(command, name):
    """How far the logits of `llava merge-lora` at scale 0.5, opened by transformers, are from make_lora.py's."""
    expected = load_file(GOLDEN / name / "expected.safetensors")
    with tempfile.TemporaryDirectory() as work:
        target = f"{work}/merged"
        subprocess.run([command, "merge-lora", GOLDEN / "hf_rows", GOLDEN / name, target, "--scale", "0.5", "--dtype", "f32"], check=True)
        found = logits_of(pathlib.Path(target), expected)
    return float((found - expected["logits_half"]).abs().max() / max(1.0, float(expected["logits_half"].abs().max())))


def main():
    prepare_torch()
    os.environ["HF_HUB_CACHE"] = str(GOLDEN / "hub")
    worst = 0.0
    for name, options in CASES.items():
        where = "parts_projector" if name == "parts_base" else name
        expected = load_file(GOLDEN / where / "expected.safetensors")
        for way, layouts in WAYS.items():
            if name in ONE_WAY and "original" in layouts:
                continue
            with tempfile.TemporaryDirectory() as work:
                folder = convert(sys.argv[1], GOLDEN / name, layouts, options, pathlib.Path(work))
                found = logits_of(folder, expected)[:, : expected["logits"].shape[1]]
            far = float((found - expected["logits"]).abs().max() / max(1.0, float(expected["logits"].abs().max())))
            if "bf16" not in way:  # rounding the weights changes the model
                worst = max(worst, far)
            print(f"{name:16} {way:18} {far:.1e}")
    for name in ("hf_next", "hf_next_mistral"):
        expected = load_file(GOLDEN / name / "expected.safetensors")
        for way in ("hf", "original, then hf", "hf in shards"):
            with tempfile.TemporaryDirectory() as work:
                far = next_distance(convert(sys.argv[1], GOLDEN / name, WAYS[way], [], pathlib.Path(work)), expected)
            worst = max(worst, far)
            print(f"{name:16} {way:18} {far:.1e}")
    for name in ("lora_original", "lora_hub", "lora_later"):
        far = merged_lora(sys.argv[1], name)
        worst = max(worst, far)
        print(f"{name:16} {'merged':18} {far:.1e}")
    print(f"largest difference without a change of dtype: {worst:.1e}")
    sys.exit(worst > 1e-5)


if __name__ == "__main__":
    main()
