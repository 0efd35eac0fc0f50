#!/usr/bin/env python3
"""Makes the golden checkpoints of LLaVA-NeXT (1.6): pictures of any size, cut into tiles.

    ~/.cache/libllava/oracle-venv/bin/python tests/checkpoints/make_next.py

Packages as for make.py. Under the Hugging Face layout pixels, packed rows, logits and greedy ids are transformers' own
(LlavaNextImageProcessor with Pillow, LlavaNextForConditionalGeneration). Under the original layout the way from a picture
to its rows is the formulas of the original repository (LLaVA c121f04, llava/mm_utils.py and llava/model/llava_arch.py)
written out here; tower, projector and language model are transformers' modules. README.md says what each folder shows.
"""

import json
import math
import pathlib
import sys

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import LlavaNextConfig, LlavaNextForConditionalGeneration
from transformers.models.llava_next.image_processing_llava_next import LlavaNextImageProcessor
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor

import make
from make import GOLDEN, PLACE, fresh, original_config, save_tokenizer_files, share_tokenizer, shape_of
from models import CLIP_MEAN, CLIP_STD, build_model, configuration, is_norm, preprocessor, save_model, scale_of, write_json
from run import prepare_torch

SIDE, PATCH = 18, 3
GRID = SIDE // PATCH
PINPOINTS = [[18, 36], [36, 18], [36, 36], [54, 18], [18, 54]]  # shaped as the published ones, 336 -> 18
# width x height: wide, tall, smaller than a tile, square, a line, a column, and one that the two rules unpad differently
SIZES = [(97, 31), (31, 120), (9, 6), (50, 50), (200, 1), (1, 200), (44, 110)]
PROMPTS = [[0], [1], [2], [5], [6, 3]]  # which pictures stand in a prompt
STEPS = 8


def pictures():
    """Noise on a slope: every pixel matters, and so does every place."""
    rng = numpy.random.default_rng(7)
    made = []
    for width, height in SIZES:
        slope = numpy.add.outer(numpy.linspace(0, 120, height), numpy.linspace(0, 90, width))[:, :, None]
        made.append(numpy.clip(slope + rng.integers(0, 60, (height, width, 3)), 0, 255).astype(numpy.uint8))
    return made


def next_shape(**changes):
    return shape_of(**{**dict(image=SIDE, patch=PATCH, context=512), **changes})


@torch.no_grad()
def build_next(shape, seed):
    """As models.build_model, with the class that cuts pictures."""
    plain = configuration(shape)
    config = LlavaNextConfig(
        plain.vision_config, plain.text_config, image_token_index=shape.image_token, image_grid_pinpoints=PINPOINTS,
        vision_feature_layer=shape.feature_layer, pad_token_id=shape.pieces + 1, use_image_newline_parameter=True)
    config._attn_implementation = "eager"
    model = LlavaNextForConditionalGeneration(config).eval().float()
    rng = numpy.random.default_rng(seed)
    for name, tensor in sorted(model.named_parameters()):
        scale = 0.5 if name.endswith("image_newline") else scale_of(name, tensor)
        values = torch.from_numpy(rng.standard_normal(tuple(tensor.shape)).astype(numpy.float32))
        tensor.copy_((values * scale + (1.0 if is_norm(name) else 0.0)).to(getattr(torch, shape.dtype)).float())
    return model


def ids_of(images, shape, seed):
    rng = numpy.random.default_rng([seed, 1, images])
    words = lambda count: rng.integers(3, shape.pieces - 1, count).tolist()  # noqa: E731
    ids = [1] + words(3)
    for _ in range(images):
        ids += [PLACE] + words(4)
    return ids


# ---- under transformers' rule: its own classes

class ToldProcessor(LlavaNextImageProcessor):
    """Its padding guesses where the channels are, and takes a picture that has become 1 or 3 pixels high for channels first."""

    def pad(self, image, padding, *arguments, **named):
        told = {} if image.ndim == 4 else {"input_data_format": "channels_last"}
        return super().pad(image, padding, *arguments, **{**named, **told})


def processor(shape):
    return ToldProcessor(
        size={"shortest_edge": shape.image}, crop_size={"height": shape.image, "width": shape.image},
        image_grid_pinpoints=PINPOINTS, image_mean=CLIP_MEAN, image_std=CLIP_STD)


def hf_pixels(picture, shape):
    """(u8 [T, S, S, 3] before normalising, f32 [T, 3, S, S] after)."""
    told = {"input_data_format": "channels_last", "return_tensors": "np"}
    bare = processor(shape)(picture, do_rescale=False, do_normalize=False, data_format="channels_last", **told)
    ready = processor(shape)(picture, **told)
    if bare["pixel_values"].dtype != numpy.uint8 or ready["pixel_values"].dtype != numpy.float32:
        raise TypeError(f"pixels are {bare['pixel_values'].dtype} and {ready['pixel_values'].dtype}")
    return bare["pixel_values"][0], ready["pixel_values"][0]


def hf_rows(model, shape, picture):
    pixels = torch.from_numpy(hf_pixels(picture, shape)[1])[None]
    return model.model.get_image_features(pixels, torch.tensor([picture.shape[:2]]))[0]


def hf_answer(model, shape, ids, chosen):
    """Everything through the model's own forward and generate: pixels padded to one number of tiles, as it batches them."""
    tiles = [hf_pixels(picture, shape)[1] for picture in chosen]
    most = max(len(one) for one in tiles)
    stacked = numpy.stack([numpy.concatenate([one, numpy.zeros((most - len(one), *one.shape[1:]), one.dtype)]) for one in tiles])
    counts = iter([len(hf_rows(model, shape, picture)) for picture in chosen])
    expanded = []
    for token in ids:
        expanded += [shape.image_token] * next(counts) if token == PLACE else [token]
    inputs = {"input_ids": torch.tensor([expanded]), "pixel_values": torch.from_numpy(stacked),
              "image_sizes": torch.tensor([picture.shape[:2] for picture in chosen])}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    logits = model(**inputs, use_cache=False).logits[0].float()
    result = model.generate(**inputs, do_sample=False, max_new_tokens=STEPS, eos_token_id=None, pad_token_id=0, use_cache=True,
                            return_dict_in_generate=True, output_logits=True)
    return logits, result.sequences[0, len(expanded):], result.logits


# ---- under the original's rule: its formulas

def original_grid(width, height):
    """(width, height) of the grid: the one that shows most of the picture's pixels, then the one with least padding."""
    def key(index):
        across, down = PINPOINTS[index]  # here the width comes first
        scale = min(across / width, down / height)
        shown = min(int(width * scale) * int(height * scale), width * height)
        return shown, -(across * down - shown), -index  # the first of equals
    return PINPOINTS[max(range(len(PINPOINTS)), key=key)]


def original_tiles(picture):
    """u8 [T, S, S, 3]: the whole picture squeezed, then the grid's tiles in reading order."""
    image = Image.fromarray(picture)
    across, down = original_grid(*image.size)
    by_width, by_height = across / image.width, down / image.height
    if by_width < by_height:
        size = across, min(math.ceil(image.height * by_width), down)
    else:
        size = min(math.ceil(image.width * by_height), across), down
    canvas = Image.new("RGB", (across, down), (0, 0, 0))
    canvas.paste(image.resize(size), ((across - size[0]) // 2, (down - size[1]) // 2))
    boxes = [(left, top, left + SIDE, top + SIDE) for top in range(0, down, SIDE) for left in range(0, across, SIDE)]
    return numpy.stack([numpy.asarray(one) for one in [image.resize((SIDE, SIDE))] + [canvas.crop(box) for box in boxes]])


def normalised(tiles):
    values = (tiles.astype(numpy.float64) * (1 / 255)).astype(numpy.float32)
    values = (values - numpy.float32(CLIP_MEAN)) / numpy.float32(CLIP_STD)
    return numpy.ascontiguousarray(values.transpose(0, 3, 1, 2))


def original_rows(model, picture, merge, newline, layer):
    """The packed rows [n, D]; the map is indexed place by place."""
    states = model.model.vision_tower(torch.from_numpy(normalised(original_tiles(picture))), output_hidden_states=True).hidden_states
    rows = model.model.multi_modal_projector(states[layer][:, 1:])
    if merge == "flat":
        return rows.reshape(-1, rows.shape[-1])
    height, width = picture.shape[:2]
    across, down = original_grid(width, height)
    columns, lines = across // SIDE * GRID, down // SIDE * GRID
    top, bottom, left, right = 0, lines, 0, columns
    if merge == "spatial_unpad":
        if width / height > columns / lines:
            top = (lines - int(height * (columns / width))) // 2
            bottom = lines - top
        else:
            left = (columns - int(width * (lines / height))) // 2
            right = columns - left
    out = [rows[0]]
    for y in range(top, bottom):
        for x in range(left, right):
            tile = 1 + y // GRID * (across // SIDE) + x // GRID
            out.append(rows[tile][y % GRID * GRID + x % GRID][None])
        if merge == "spatial_unpad":
            out.append(newline[None])
    return torch.cat(out)


def original_answer(model, ids, chosen_rows):
    table, rows, embeds = model.get_input_embeddings().weight, iter(chosen_rows), []
    for token in ids:
        embeds.append(next(rows) if token == PLACE else table[token][None])
    embeds = torch.cat(embeds)[None]
    run = lambda x: model.lm_head(model.model.language_model(inputs_embeds=x, use_cache=False).last_hidden_state)[0].float()  # noqa: E731
    logits, chosen, steps = run(embeds), [], []
    for _ in range(STEPS):
        last = run(embeds)[-1]
        steps.append(last[None])
        chosen.append(int(last.argmax()))
        embeds = torch.cat([embeds, table[chosen[-1]][None, None]], 1)
    return logits, torch.tensor(chosen), steps


# ---- the cases

def expected_of(shape, seed, rows_of, answer):
    """Packed rows of every picture; for every prompt the last logits, the greedy ids and how clear they are."""
    expected, made = {}, pictures()
    rows = [rows_of(picture) for picture in made]
    for index, one in enumerate(rows):
        expected[f"rows.{index}"] = one
    least, words = 1.0, set()
    for number, prompt in enumerate(PROMPTS):
        ids = ids_of(len(prompt), shape, seed)
        logits, greedy, steps = answer(ids, [made[i] for i in prompt], [rows[i] for i in prompt])
        best = torch.cat([step[:1] for step in steps]).float().topk(2, dim=1).values
        least = min(least, float((best[:, 0] - best[:, 1]).min()))
        words |= set(greedy.tolist())
        expected.update({f"pictures.{number}": torch.tensor(prompt), f"ids.{number}": torch.tensor(ids),
                         f"logits.{number}": logits[-4:], f"greedy.{number}": greedy, f"length.{number}": torch.tensor([len(logits)])})
    return {name: tensor.contiguous().clone() for name, tensor in expected.items()}, least, words


def telling(shape, build, rows_of, answer):
    for seed in range(1, 400):
        model = build(shape, seed)
        expected, least, words = expected_of(
            shape, seed, lambda picture: rows_of(model, picture), lambda ids, chosen, rows: answer(model, ids, chosen, rows))
        if least >= make.LEAST_MARGIN and len(words) >= 8:
            return model, expected
    raise RuntimeError("no telling seed")


def trimmed(expected):
    """A second language model is told apart by rows, logits and ids: two pictures' rows, and no tiles."""
    return {name: tensor for name, tensor in expected.items()
            if not name.startswith(("tiles", "pixels", "rows")) or name in ("rows.1", "rows.6")}


def hf_next(name, shape, whole):
    folder = fresh(name)
    model, expected = telling(shape, build_next, lambda model, picture: hf_rows(model, shape, picture),
                              lambda model, ids, chosen, rows: hf_answer(model, shape, ids, chosen))
    for index, picture in enumerate(pictures()):
        bare, ready = hf_pixels(picture, shape)
        expected[f"tiles.{index}"] = torch.from_numpy(bare)
        if index in (2, 6):
            expected[f"pixels.{index}"] = torch.from_numpy(ready).clone()
        talker = LlavaNextProcessor.__new__(LlavaNextProcessor)  # it counts without the model; it needs no tokenizer for that
        talker.image_processor, talker.patch_size, talker.num_additional_image_tokens = processor(shape), PATCH, 1
        count = talker._get_number_of_features(*picture.shape[:2], SIDE, SIDE) - 1
        if count != len(expected[f"rows.{index}"]):
            raise RuntimeError(f"picture {index}: transformers counts {count} and makes {len(expected[f'rows.{index}'])} rows")
    save_model(model, shape, folder)
    share_tokenizer(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["architectures"] = ["LlavaNextForConditionalGeneration"]
    config["image_grid_pinpoints"] = PINPOINTS
    write_json(folder / "config.json", config)
    write_json(folder / "preprocessor_config.json", {
        **preprocessor(shape), "aspect_ratio_setting": "anyres", "do_pad": True, "image_grid_pinpoints": PINPOINTS,
        "image_processor_type": "LlavaNextImageProcessor", "processor_class": "LlavaNextProcessor"})
    save_file(expected if whole else trimmed(expected), folder / "expected.safetensors")


def original_next(name, shape, tower, whole, **keys):
    """As published: safetensors with the fine-tuned tower inside, image_newline, the tower's configuration elsewhere."""
    folder = fresh(name)
    newline = torch.from_numpy(numpy.random.default_rng(11).standard_normal(shape.width).astype(numpy.float32) * 0.5).half().float()
    rows_of = lambda model, picture, merge="spatial_unpad": original_rows(model, picture, merge, newline, -2)  # noqa: E731
    model, expected = telling(shape, build_model, rows_of, lambda model, ids, chosen, rows: original_answer(model, ids, rows))
    for index, picture in enumerate(pictures()):
        expected[f"tiles.{index}"] = torch.from_numpy(original_tiles(picture))
    for merge in ("flat", "spatial"):
        for index in (2, 4):
            expected[f"rows_{merge}.{index}"] = rows_of(model, pictures()[index], merge).contiguous().clone()
    write_json(folder / "config.json", original_config(shape, tower, **{
        "attention_bias": False, "image_aspect_ratio": "anyres", "image_crop_resolution": 224, "image_split_resolution": 224,
        "image_grid_pinpoints": PINPOINTS, "mm_patch_merge_type": "spatial_unpad", "mm_projector_lr": None,
        "mm_vision_tower_lr": 2e-6, "tokenizer_model_max_length": 512, "tokenizer_padding_side": "right",
        "unfreeze_mm_vision_tower": True, **keys}))
    make.save_weights({**make.language_tensors(model), **make.projector_tensors(model), "model.image_newline": newline.half(),
                       **make.tower_tensors(model, "model.vision_tower.vision_tower.")}, folder)
    save_tokenizer_files(folder)
    save_file(expected if whole else trimmed(expected), folder / "expected.safetensors")
    return model


def main():
    prepare_torch()
    save_file({f"picture.{index}": torch.from_numpy(picture) for index, picture in enumerate(pictures())}, GOLDEN / "next_pictures.safetensors")
    mistral = dict(window=300, rope_theta=1e6)  # the longest prompt has more than 300 positions
    hf_next("hf_next", next_shape(), whole=True)
    hf_next("hf_next_mistral", next_shape(new_names=True, **mistral), whole=False)
    shape = next_shape(spare_rows=0)
    model = original_next("original_next", shape, "someone/next-clip", whole=True)
    original_next("original_next_mistral", next_shape(spare_rows=0, **mistral), "next-clip", whole=False, model_type="llava_mistral",
                  architectures=["LlavaMistralForCausalLM"], sliding_window=300, rope_theta=1e6,
                  image_grid_pinpoints=str([tuple(pair) for pair in PINPOINTS]))
    beside = fresh("next-clip")
    make.save_tower(model, shape, beside)
    (beside / "model.safetensors").unlink()  # the weights must come from the checkpoints
    for folder in sorted(GOLDEN.glob("*next*")):
        files = folder.rglob("*") if folder.is_dir() else [folder]
        print(folder.name, sum(file.stat().st_size for file in files if file.is_file()), "bytes")


if __name__ == "__main__":
    main()
