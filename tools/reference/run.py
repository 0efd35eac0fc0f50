"""What transformers says: pixels, vision states, projector, spliced rows, logits, greedy ids. f32, eager, one answer."""

import pathlib

import numpy
import torch
from PIL import Image, ImageOps
from transformers import CLIPImageProcessor
from transformers.models.llava.image_processing_llava import LlavaImageProcessor

IMAGE_PLACE = -200


def prepare_torch(threads=1):
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)


def processor_of(settings):
    """The processor that works with Pillow ("slow"), whatever class would be chosen by default."""
    kind = LlavaImageProcessor if settings.get("do_pad") else CLIPImageProcessor
    names = ("crop_size", "do_center_crop", "do_convert_rgb", "do_normalize", "do_pad", "do_rescale", "do_resize",
             "image_mean", "image_std", "resample", "rescale_factor", "size")
    return kind(**{name: settings[name] for name in names if name in settings})


def pixels_of(path, processor):
    """(uint8 [S, S, 3] before normalising, f32 [3, S, S] after). EXIF orientation is applied first.

    The processor guesses where the channels are and guesses wrongly for pictures 1 or 3 pixels high, so it is told.
    """
    with Image.open(pathlib.Path(path)) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    told = {"input_data_format": "channels_last", "return_tensors": "np"}
    bare = processor(picture, do_rescale=False, do_normalize=False, data_format="channels_last", **told)["pixel_values"][0]
    ready = processor(picture, **told)["pixel_values"][0]
    if bare.dtype != numpy.uint8 or ready.dtype != numpy.float32:
        raise TypeError(f"{path}: pixels are {bare.dtype} and {ready.dtype}, expected uint8 and float32")
    return bare, ready


def vision_states(model, pixels):
    """hidden_states of the tower for one picture: layers + 1 tensors [1 + P, C]."""
    tower = model.model.vision_tower
    states = tower(torch.from_numpy(pixels)[None], output_hidden_states=True).hidden_states
    return [state[0] for state in states]


def selected_features(states, layer, strategy):
    return states[layer][1:] if strategy == "default" else states[layer]


def spliced(model, ids, projected):
    """Rows of the language model's input [L', D]; projected blocks stand where IMAGE_PLACE stood, in order."""
    table, rows, pictures = model.get_input_embeddings().weight, [], iter(projected)
    for token in ids:
        rows.append(next(pictures) if token == IMAGE_PLACE else table[token][None])
    return torch.cat(rows)


def expanded(ids, tokens_per_image, image_token):
    """Ids as transformers wants them: every place repeated once per row of a picture."""
    out = []
    for token in ids:
        out += [image_token] * tokens_per_image if token == IMAGE_PLACE else [token]
    return torch.tensor([out])


def fresh_rope(model):
    """Dynamic scaling remembers the longest sequence seen; every answer starts without that memory."""
    rope = model.model.language_model.rotary_emb
    rope.inv_freq, rope.max_seq_len_cached = rope.original_inv_freq, rope.original_max_seq_len


def inputs_of(shape, ids, pixels):
    inputs = {"input_ids": expanded(ids, shape.tokens_per_image, shape.image_token)}
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    if pixels:
        inputs["pixel_values"] = torch.from_numpy(numpy.stack(pixels))
    return inputs


def logits_of(model, shape, ids, pixels):
    """[L', V] for all positions."""
    fresh_rope(model)
    return model(**inputs_of(shape, ids, pixels), use_cache=False).logits[0].float()


def greedy_of(model, shape, ids, pixels, length=64):
    """(ids [length] without regard to end marks, f32 [length]: best logit minus second best at each step)."""
    fresh_rope(model)
    inputs = inputs_of(shape, ids, pixels)
    result = model.generate(
        **inputs, do_sample=False, max_new_tokens=length, eos_token_id=None, pad_token_id=0, use_cache=True,
        return_dict_in_generate=True, output_logits=True)
    chosen = result.sequences[0, inputs["input_ids"].shape[1]:]
    best = torch.stack([step[0] for step in result.logits]).float().topk(2, dim=1).values
    return chosen, best[:, 0] - best[:, 1]


def until_end(ids, end=2):
    """The part a run with end mark `end` gives: up to the mark and with it."""
    listed = ids.tolist()
    return ids[: listed.index(end) + 1] if end in listed else ids
