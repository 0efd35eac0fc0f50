"""Steps of a training stage in eager transformers with torch's AdamW, on samples like those of tests/bench/train_bench.cpp.

    train_bench.py MODEL STAGE STEPS BATCH LENGTH      prints one JSON object
    train_bench.py --make FOLDER                       writes the model of 100 M parameters that tools/bench train measures
"""

import json
import pathlib
import resource
import statistics
import sys
import time

import torch
from transformers import LlavaForConditionalGeneration

from bench_transformers import make_checkpoint
from models import Shape

SHAPE = Shape(
    vision_width=384, vision_heads=6, vision_intermediate=1536, vision_layers=6, patch=16, image=224, width=768,
    intermediate=2048, layers=8, heads=12, kv_heads=12, head_dim=64, pieces=320, spare_rows=15744, context=1024)


def main():
    if sys.argv[1] == "--make":
        return make_checkpoint(pathlib.Path(sys.argv[2]), "f32", SHAPE)
    folder, stage, steps, batch, length = sys.argv[1], *map(int, sys.argv[2:])
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").train()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("multi_modal_projector" in name or (stage == 2 and "vision_tower" not in name))
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=2e-5, weight_decay=0.0)
    config = model.config
    patches = (config.vision_config.image_size // config.vision_config.patch_size) ** 2
    size = config.vision_config.image_size
    words = torch.randint(3, config.text_config.vocab_size - 6, (batch, length - 1 - patches))
    ids = torch.cat([torch.ones(batch, 1, dtype=torch.long), torch.full((batch, patches), config.image_token_id), words], 1)
    labels = ids.clone()
    labels[:, :1 + patches + words.shape[1] // 2] = -100
    pixels = torch.randn(batch, 3, size, size)
    times = []
    for step in range(steps + 1):
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss = model(input_ids=ids, pixel_values=pixels, labels=labels).loss
        loss.backward()
        optimizer.step()
        if step:
            times.append(time.perf_counter() - begin)
    median = statistics.median(times)
    print(json.dumps({"seconds_a_step": median, "samples_per_s": batch / median, "loss": loss.item(),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()
