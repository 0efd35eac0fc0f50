#!/usr/bin/env python3
"""Makes the golden checkpoints of this folder: every published shape of a LLaVA, random, tiny, with its logits.

    ~/.cache/libllava/oracle-venv/bin/python tests/checkpoints/make.py [NAME]…

Packages as for tests/golden/model/make.py. The model is always built and run by transformers; what differs is how its
tensors are named and which files they lie in. Where transformers has no such model (a projector of one or three layers)
the projector alone is replaced, by torch's own layers. README.md says what each folder shows.
"""

import json
import pathlib
import shutil
import sys

import numpy
import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE / "golden"
sys.path.insert(0, str(HERE.parents[1] / "tools" / "reference"))

from models import CLIP_MEAN, CLIP_STD, Shape, added_token, build_model, save_model, scale_of, write_json  # noqa: E402
from run import greedy_of, logits_of, prepare_torch  # noqa: E402
from tokenizer import train_tokenizer  # noqa: E402

PLACE = -200
SMALL = dict(vision_width=12, vision_heads=2, vision_intermediate=20, vision_layers=3, patch=7, image=14, width=16,
             intermediate=24, layers=2, heads=4, kv_heads=2, head_dim=4, pieces=300, spare_rows=4, dtype="float16",
             context=64)
LEAST_MARGIN = 2e-3  # f16 weights, f32 arithmetic: greedy ids are compared, so no step may be a near-tie


def shape_of(**changes):
    return Shape(**{**SMALL, **changes})


class Projector(torch.nn.Module):
    """The original's mlpNx_gelu (N = 1: linear), filled like build_model does."""

    def __init__(self, width_in, width, depth, seed):
        super().__init__()
        layers = [torch.nn.Linear(width_in, width)]
        for _ in range(depth - 1):
            layers += [torch.nn.GELU(), torch.nn.Linear(width, width)]
        self.layers = torch.nn.Sequential(*layers)
        rng = numpy.random.default_rng(seed)
        for name, tensor in sorted(self.named_parameters()):
            values = torch.from_numpy(rng.standard_normal(tuple(tensor.shape)).astype(numpy.float32))
            tensor.copy_((values * scale_of(name, tensor)).half().float())

    def forward(self, features):
        return self.layers(features)


def ids_of(shape, seed):
    """One picture, words, another picture: 2 P + 14 positions."""
    rng = numpy.random.default_rng([seed, 1])
    words = lambda count: rng.integers(3, shape.pieces - 1, count).tolist()  # noqa: E731
    return [1] + words(4) + [PLACE] + words(5) + [PLACE] + words(4)


def pixels_of(shape, seed):
    return numpy.random.default_rng([seed, 2]).standard_normal((2, 3, shape.image, shape.image)).astype(numpy.float32)


def expected_of(model, shape, seed):
    ids, pixels = ids_of(shape, seed), pixels_of(shape, seed)
    greedy, margin = greedy_of(model, shape, ids, list(pixels), length=12)
    return {"ids": torch.tensor(ids), "pixels": torch.from_numpy(pixels), "logits": logits_of(model, shape, ids, list(pixels)),
            "greedy": greedy, "margin": margin}


def telling_model(shape, depth=2):
    """(model, expected) of the first seed whose greedy answer wanders without a near-tie."""
    for seed in range(1, 400):
        model = build_model(shape, seed)
        if depth != 2:
            model.model.multi_modal_projector = Projector(shape.vision_width, shape.width, depth, seed)
        expected = expected_of(model, shape, seed)
        if float(expected["margin"].min()) >= LEAST_MARGIN and len(set(expected["greedy"].tolist())) >= 5:
            return model, {name: tensor.contiguous().clone() for name, tensor in expected.items()}
    raise RuntimeError("no telling seed")


def fresh(name):
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def share_tokenizer(folder):
    """All vocabularies are one file; a link to it is as good, as in the Hugging Face cache."""
    shared = GOLDEN / "tokenizer.model"
    if not shared.exists():
        shared.write_bytes(train_tokenizer(SMALL["pieces"]))
    (folder / "tokenizer.model").unlink(missing_ok=True)
    (folder / "tokenizer.model").symlink_to(pathlib.Path("..") / "tokenizer.model")


# ---- the original repository's names

def original_name(name):
    """Of a tensor of transformers' model object; tower and projector are handled by their callers."""
    if name.startswith("model.language_model."):
        return "model." + name[len("model.language_model."):]
    return name


def language_tensors(model):
    return {original_name(name): tensor.half() for name, tensor in model.state_dict().items()
            if name.startswith(("model.language_model.", "lm_head."))}


def projector_tensors(model, prefix="model.mm_projector."):
    projector = model.model.multi_modal_projector
    tensors = {}
    for name, tensor in projector.state_dict().items():
        layer, kind = name.removeprefix("layers.").split(".")
        index = 2 * (int(layer[-1]) - 1) if layer.startswith("linear_") else int(layer)
        single = isinstance(projector, Projector) and len(projector.layers) == 1
        tensors[prefix + (kind if single else f"{index}.{kind}")] = tensor.half()
    return tensors


def tower_tensors(model, prefix=""):
    return {prefix + name: tensor.half() for name, tensor in model.model.vision_tower.state_dict().items()
            if not name.endswith("position_ids")}


def inv_freq(model, shape):
    """What transformers of 2023 wrote into every layer."""
    values = model.model.language_model.rotary_emb.inv_freq.float()
    return {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": values.clone() for layer in range(shape.layers)}


def llama_config(shape, **more):
    config = {
        "architectures": ["LlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "hidden_size": shape.width, "intermediate_size": shape.intermediate, "max_position_embeddings": shape.context,
        "model_type": "llama", "num_attention_heads": shape.heads, "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads, "rms_norm_eps": shape.rms_eps, "rope_scaling": shape.rope_scaling,
        "tie_word_embeddings": False, "torch_dtype": "float16", "vocab_size": shape.vocabulary}
    if shape.window:
        config.update(model_type="mistral", architectures=["MistralForCausalLM"], sliding_window=shape.window)
        del config["rope_scaling"]
    return {**config, **more}


def original_config(shape, tower, **more):
    """As published: the language model's keys and the mm_ ones."""
    return llama_config(shape, **{
        "architectures": ["LlavaLlamaForCausalLM"], "freeze_mm_mlp_adapter": False, "mm_hidden_size": shape.vision_width,
        "mm_projector_type": "mlp2x_gelu", "mm_resampler_type": None, "mm_use_im_patch_token": False, "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch", "mm_vision_select_layer": -2, "mm_vision_tower": tower, "model_type": "llava",
        "pretraining_tp": 1, "tune_mm_mlp_adapter": False, "use_cache": True, "use_mm_proj": True, **more})


def save_weights(tensors, folder):
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def save_torch_shards(tensors, folder, shards):
    """As PyTorch's own format was written in 2023: state dicts in zip archives."""
    names, weight_map = sorted(tensors), {}
    for shard in range(shards):
        file = f"pytorch_model-{shard + 1:05d}-of-{shards:05d}.bin"
        torch.save({name: tensors[name].clone() for name in names[shard::shards]}, folder / file)
        weight_map.update({name: file for name in names[shard::shards]})
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    write_json(folder / "pytorch_model.bin.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


def save_tower(model, shape, folder, whole_clip=False):
    """openai/clip-vit-…: a whole CLIP with its text tower, or the vision tower alone."""
    folder.mkdir(parents=True, exist_ok=True)
    vision = {
        "hidden_size": shape.vision_width, "image_size": shape.image, "intermediate_size": shape.vision_intermediate,
        "model_type": "clip_vision_model", "num_attention_heads": shape.vision_heads, "num_hidden_layers": shape.vision_layers,
        "patch_size": shape.patch, "projection_dim": 16}
    tensors = tower_tensors(model)
    if whole_clip:
        write_json(folder / "config.json", {"model_type": "clip", "architectures": ["CLIPModel"], "vision_config": vision})
        tensors.update({"logit_scale": torch.tensor(2.5), "text_projection.weight": torch.zeros(4, 4),
                        "visual_projection.weight": torch.zeros(4, shape.vision_width),
                        "text_model.final_layer_norm.weight": torch.ones(4),
                        "vision_model.embeddings.position_ids": torch.arange(5)[None]})
    else:
        write_json(folder / "config.json", {**vision, "architectures": ["CLIPVisionModel"]})
    save_weights(tensors, folder)
    write_json(folder / "preprocessor_config.json", {
        "crop_size": shape.image, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": CLIP_MEAN, "image_std": CLIP_STD, "resample": 3,
        "size": shape.image})


def save_tokenizer_files(folder, added=()):
    share_tokenizer(folder)
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "bos_token": added_token("<s>", True), "eos_token": added_token("</s>", True),
        "legacy": False, "tokenizer_class": "LlamaTokenizer", "unk_token": added_token("<unk>", True)})
    if added:
        write_json(folder / "added_tokens.json", dict(added))
    write_json(folder / "generation_config.json", {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})


# ---- the cases

def hf(name, shape):
    folder = fresh(name)
    model, expected = telling_model(shape)
    save_model(model, shape, folder)
    share_tokenizer(folder)
    save_file(expected, folder / "expected.safetensors")


def hf_ties():
    """One model, whose logits differ with the head; the 18 ways to say it are written by the test itself."""
    shape = shape_of(layers=1)
    hf("hf_ties", shape)
    folder = GOLDEN / "hf_ties"
    model, expected = telling_model(shape)
    model.lm_head.weight.copy_(model.get_input_embeddings().weight)
    ids, pixels = expected["ids"].tolist(), list(expected["pixels"].numpy())
    expected["logits_tied"] = logits_of(model, shape, ids, pixels).contiguous()
    save_file(expected, folder / "expected.safetensors")


def original_v15():
    """LLaVA-1.5 as published: two .bin shards, inv_freq inside, the tower a repository in the Hugging Face cache."""
    shape, folder = shape_of(spare_rows=0), fresh("original_v15")
    model, expected = telling_model(shape_of(spare_rows=0))
    write_json(folder / "config.json", original_config(shape, "openai/tiny-clip", image_aspect_ratio="pad", max_length=4096))
    save_torch_shards({**language_tensors(model), **projector_tensors(model), **inv_freq(model, shape)}, folder, shards=2)
    save_tokenizer_files(folder)
    save_file(expected, folder / "expected.safetensors")
    repository = GOLDEN / "hub" / "models--openai--tiny-clip"
    shutil.rmtree(repository, ignore_errors=True)
    revision = "c0ffee0000000000000000000000000000000001"
    save_tower(model, shape, repository / "snapshots" / revision, whole_clip=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(revision, encoding="utf-8")


def original_inside():
    """Fine-tuned tower inside, its configuration in a folder beside; Mistral; class token kept; three-layer projector."""
    shape, folder = shape_of(spare_rows=2, window=9, strategy="full"), fresh("original_inside")
    model, expected = telling_model(shape, depth=3)
    write_json(folder / "config.json", original_config(
        shape, "someone/inside-clip", model_type="llava_mistral", architectures=["LlavaMistralForCausalLM"], sliding_window=9,
        mm_projector_type="mlp3x_gelu", mm_vision_select_feature="cls_patch", unfreeze_mm_vision_tower=True))
    tower = tower_tensors(model, "model.vision_tower.vision_tower.")
    save_weights({**language_tensors(model), **projector_tensors(model), **tower}, folder)
    save_tokenizer_files(folder)
    save_file(expected, folder / "expected.safetensors")
    beside = fresh("inside-clip")
    save_tower(model, shape, beside)
    (beside / "model.safetensors").unlink()  # the weights must come from the checkpoint


V0_TOKENS = [("[PAD]", 300), ("<im_patch>", 301), ("<im_start>", 302), ("<im_end>", 303)]


def original_v0():
    """The paper's: linear projector, four added tokens; and the same as a delta over the base it was trained from."""
    shape, folder = shape_of(rms_eps=1e-6), fresh("original_v0")
    model, expected = telling_model(shape, depth=1)
    config = original_config(shape, "v0-clip", mm_projector_type=None, mm_use_im_start_end=True)
    for absent in ("mm_projector_type", "mm_vision_select_feature", "mm_use_im_patch_token", "mm_resampler_type", "pretraining_tp"):
        del config[absent]
    target = {**language_tensors(model), **projector_tensors(model)}
    rng = numpy.random.default_rng(5)
    base = {}
    for name, tensor in target.items():
        if "mm_projector" not in name:
            rows = tensor[: shape.pieces] if tensor.shape[0] == shape.vocabulary else tensor
            noise = torch.from_numpy(rng.standard_normal(tuple(rows.shape)).astype(numpy.float32) * 0.05)
            base[name] = (rows.float() + noise).half()
    delta, merged = {}, {}
    for name, tensor in target.items():
        delta[name] = tensor.clone()
        if name in base:
            rows = base[name].shape[0]
            delta[name][:rows] = tensor[:rows] - base[name]
        merged[name] = delta[name].clone()
        if name in base:
            merged[name][:rows] += base[name]  # f16 + f16, as apply_delta does: not always the number it came from
    save_weights(merged, folder)
    for where, tensors in (("v0_base", base), ("v0_delta", delta)):
        other = fresh(where)
        save_weights(tensors, other)
        save_tokenizer_files(other, V0_TOKENS if where == "v0_delta" else ())
        plain = llama_config(shape, vocab_size=shape.pieces)
        write_json(other / "config.json", config if where == "v0_delta" else plain)
    load_original(model, merged)
    write_json(folder / "config.json", config)
    save_tokenizer_files(folder, V0_TOKENS)
    ids, pixels = expected["ids"].tolist(), list(expected["pixels"].numpy())
    save_file({**expected_after(model, shape, ids, pixels)}, folder / "expected.safetensors")
    save_tower(model, shape, fresh("v0-clip"))


def load_original(model, tensors):
    """Puts tensors with the original's names back into the model object."""
    state = model.state_dict()
    for name, tensor in tensors.items():
        if "mm_projector" in name:
            state["model.multi_modal_projector.layers.0." + name.rsplit(".", 1)[1]] = tensor.float()
        else:
            state["lm_head.weight" if name == "lm_head.weight" else "model.language_model." + name[len("model."):]] = tensor.float()
    model.load_state_dict(state)


def expected_after(model, shape, ids, pixels):
    greedy, margin = greedy_of(model, shape, ids, pixels, length=12)
    if float(margin.min()) < LEAST_MARGIN:
        raise RuntimeError("a near-tie after merging; choose another seed")
    return {"ids": torch.tensor(ids), "pixels": torch.from_numpy(numpy.stack(pixels)), "greedy": greedy.clone(),
            "margin": margin.clone(), "logits": logits_of(model, shape, ids, pixels).contiguous()}


def parts():
    """A language model, a tower and what stage 1 writes: mm_projector beside a config.json."""
    shape = shape_of(spare_rows=0, rope_scaling={"type": "linear", "factor": 2.0})
    model, expected = telling_model(shape)
    base, projector = fresh("parts_base"), fresh("parts_projector")
    write_json(base / "config.json", llama_config(shape))
    save_weights(language_tensors(model), base)
    save_tokenizer_files(base)
    write_json(projector / "config.json", original_config(shape, "openai/elsewhere", tune_mm_mlp_adapter=True))
    save_file(projector_tensors(model, "base_model.model.model.mm_projector."), projector / "mm_projector.safetensors")
    torch.save({name: tensor.clone() for name, tensor in projector_tensors(model).items()}, projector / "mm_projector.bin")
    save_tower(model, shape, fresh("parts_clip"))
    save_file(expected, projector / "expected.safetensors")


CASES = {
    "hf_layers": lambda: hf("hf_layers", shape_of(feature_layer=[-3, -1], new_names=True)),
    "hf_layers_full": lambda: hf("hf_layers_full", shape_of(feature_layer=[1, -2, 0], strategy="full", drop_unused=True)),
    "hf_rows": lambda: hf("hf_rows", shape_of(spare_rows=20, extras=True, feature_layer=-2)),
    "hf_mistral": lambda: hf("hf_mistral", shape_of(window=7, rope_theta=1e6)),
    "hf_ties": hf_ties,
    "original_v15": original_v15,
    "original_inside": original_inside,
    "original_v0": original_v0,
    "parts": parts,
}


def main():
    prepare_torch()
    GOLDEN.mkdir(exist_ok=True)
    for name in sys.argv[1:] or CASES:
        CASES[name]()
        print(name, sum(file.stat().st_size for file in GOLDEN.rglob("*") if file.is_file()), "bytes in all")


if __name__ == "__main__":
    main()
