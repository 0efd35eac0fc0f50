"""Makes the checkpoint that tools/bench measures and times transformers on it; prints one JSON object.

    python bench_transformers.py MODEL --threads N [--make-only] [--stored bf16|f32] [--size 1b|7b]

The model has the published sizes of CLIP-L/14-336 and of a 1.1 B LLaMA (2048 wide, 22 layers, 32 heads, 4 for keys and values),
or of LLaVA-1.5-7B, numbers at random: time does not depend on them. Transformers computes in f32 with its fastest attention (sdpa), because
f32 is what issue and rulings compare with. Encoding is one picture; prefill PROMPT rows of text, logits of the last one;
decoding one row at a time behind
BEFORE_DECODE rows, as `llava bench` does.
"""

import argparse
import json
import pathlib
import resource
import statistics
import sys
import time

import torch
import transformers
from safetensors.torch import save_file
from transformers import LlavaForConditionalGeneration

from models import Shape, configuration, published_name, save_configs, save_tokenizer, write_json

PROMPT = 512
BEFORE_DECODE = 16
SHARD_BYTES = 1 << 30
TOWER = {"vision_width": 1024, "vision_heads": 16, "vision_intermediate": 4096, "vision_layers": 24, "patch": 14, "image": 336}
SHAPES = {
    "1b": Shape(**TOWER, width=2048, intermediate=5632, layers=22, heads=32, kv_heads=4, head_dim=64, pieces=320, spare_rows=31744,
                context=2048),
    "7b": Shape(**TOWER, width=4096, intermediate=11008, layers=32, heads=32, kv_heads=32, head_dim=128, pieces=320, spare_rows=31744,
                context=4096)}


def make_checkpoint(folder, stored, shape):
    """Writes the directory shard by shard; the whole model is never in memory. config.json comes last: it marks completion."""
    folder.mkdir(parents=True, exist_ok=True)
    shape.dtype = {"bf16": "bfloat16", "f32": "float32"}[stored]
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in LlavaForConditionalGeneration(configuration(shape)).state_dict().items()}
    generator, shards, part, size = torch.Generator().manual_seed(1), [], {}, 0
    for name, sides in shapes.items():
        values = torch.empty(sides).normal_(0, 0.02, generator=generator)
        values = torch.ones(sides) if name.endswith("norm.weight") else values
        part[published_name(name, False)] = values.to(getattr(torch, shape.dtype))
        size += part[published_name(name, False)].nbytes
        if size > SHARD_BYTES:
            shards, part, size = [*shards, write_shard(folder, len(shards), part)], {}, 0
    shards.append(write_shard(folder, len(shards), part))
    write_json(folder / "model.safetensors.index.json", {
        "metadata": {"total_size": sum(total for _, _, total in shards)},
        "weight_map": {name: file for file, names, _ in shards for name in names}})
    save_tokenizer(shape, folder)
    save_configs(configuration(shape), shape, folder)


def write_shard(folder, index, part):
    file = f"model-{index + 1:05d}.safetensors"
    save_file(part, folder / file, metadata={"format": "pt"})
    return file, list(part), sum(tensor.nbytes for tensor in part.values())


def seconds(action, times):
    """Median of `times` runs after one that is not counted."""
    action()
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def decode_seconds(model, ids, cache, steps=24):
    spent, token = [], ids[:, -1:]
    for _ in range(steps):
        start = time.perf_counter()
        logits = model(input_ids=token, past_key_values=cache, use_cache=True).logits
        token = logits[:, -1].argmax(-1, keepdim=True)
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[4:])


@torch.inference_mode()
def measure(folder, threads, shape):
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(threads)
    start = time.perf_counter()
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    load = time.perf_counter() - start
    pixels = torch.randn(1, 3, shape.image, shape.image)
    ids = torch.randint(3, shape.pieces, (1, PROMPT))
    encode = seconds(lambda: model.get_image_features(pixels), 5)
    prefill = seconds(lambda: model(input_ids=ids, use_cache=True, logits_to_keep=1), 3)
    cache = model(input_ids=ids[:, :BEFORE_DECODE], use_cache=True, logits_to_keep=1).past_key_values
    return {"load_ms": 1e3 * load, "encode_ms": 1e3 * encode, "prefill_tokens_per_s": PROMPT / prefill,
            "decode_tokens_per_s": 1 / decode_seconds(model, ids, cache),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--stored", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--size", choices=SHAPES, default="1b")
    parser.add_argument("--make-only", action="store_true")
    options = parser.parse_args()
    if not (options.model / "config.json").exists():
        print(f"bench: writing the checkpoint {options.model}", file=sys.stderr)
        make_checkpoint(options.model, options.stored, SHAPES[options.size])
    if not options.make_only:
        print(json.dumps(measure(options.model, options.threads, SHAPES[options.size])))


if __name__ == "__main__":
    main()
