"""Random LLaVA models in the layouts that Hugging Face directories come in.

A model is described by `Shape`, built by transformers itself, filled with numbers that spread (so that a wrong
rotation, a swapped head or a lost bias shows in the logits), and written by hand: the old and the new tensor names,
one file or several, with and without the tensors that no forward pass reads.
"""

import dataclasses
import json
import pathlib

import numpy
import torch
import transformers
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, MistralConfig

from tokenizer import train_tokenizer

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


@dataclasses.dataclass
class Shape:
    """Everything that fixes a random model besides its seed."""

    vision_width: int = 30
    vision_heads: int = 3
    vision_intermediate: int = 44
    vision_layers: int = 3
    patch: int = 14
    image: int = 42
    vision_act: str = "quick_gelu"
    width: int = 36
    intermediate: int = 50
    layers: int = 3
    heads: int = 6
    kv_heads: int = 2
    head_dim: int = 6
    pieces: int = 320
    spare_rows: int = 6  # vocabulary rows after the tokenizer's: <image>, <pad>, padding
    context: int = 512
    rms_eps: float = 1e-5
    rope_theta: float = 10000.0
    rope_scaling: dict | None = None
    attention_bias: bool = False
    mlp_bias: bool = False
    tied: bool = False
    projector_bias: bool = True
    projector_act: str = "gelu"
    feature_layer: int | list = -2
    window: int | None = None  # a number makes the language model a Mistral
    strategy: str = "default"
    # the form on disk
    new_names: bool = False
    shards: int = 1
    extras: bool = False  # position_ids, inv_freq
    drop_unused: bool = False  # leave out post_layernorm and the blocks after the feature layer
    dtype: str = "float32"
    pad_to_square: bool = False
    resize: int = 0  # shortest edge before the crop; 0 = the picture's side

    @property
    def vocabulary(self):
        return self.pieces + self.spare_rows

    @property
    def image_token(self):
        return self.pieces if self.spare_rows else self.pieces - 1  # without spare rows: a piece that no prompt uses

    @property
    def tokens_per_image(self):
        return (self.image // self.patch) ** 2 + (1 if self.strategy == "full" else 0)

    @property
    def vision_blocks_used(self):
        layers = self.feature_layer if isinstance(self.feature_layer, list) else [self.feature_layer]
        return max(layer if layer >= 0 else self.vision_layers + 1 + layer for layer in layers)


def configuration(shape):
    vision = CLIPVisionConfig(
        hidden_size=shape.vision_width, intermediate_size=shape.vision_intermediate, num_hidden_layers=shape.vision_layers,
        num_attention_heads=shape.vision_heads, image_size=shape.image, patch_size=shape.patch,
        hidden_act=shape.vision_act, projection_dim=16)
    kind, special = LlamaConfig, dict(rope_scaling=shape.rope_scaling, attention_bias=shape.attention_bias, mlp_bias=shape.mlp_bias)
    if shape.window:
        kind, special = MistralConfig, dict(sliding_window=shape.window)
    text = kind(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim, max_position_embeddings=shape.context, rms_norm_eps=shape.rms_eps,
        rope_theta=shape.rope_theta, tie_word_embeddings=shape.tied, **special)
    return LlavaConfig(
        vision, text, image_token_index=shape.image_token, projector_hidden_act=shape.projector_act,
        vision_feature_select_strategy=shape.strategy, vision_feature_layer=shape.feature_layer,
        image_seq_length=shape.tokens_per_image, multimodal_projector_bias=shape.projector_bias,
        tie_word_embeddings=shape.tied, pad_token_id=shape.pieces + 1)


def scale_of(name, tensor):
    """The standard deviation a tensor is filled with; chosen so that greedy text wanders and no layer is idle."""
    if name.endswith(("q_proj.weight", "k_proj.weight")):
        return 1.6 / tensor.shape[1] ** 0.5
    if "embed_tokens" in name:
        return 0.5
    if "position_embedding" in name or "class_embedding" in name:
        return 0.4
    if "lm_head" in name:
        return 2.0 / tensor.shape[1] ** 0.5
    if tensor.dim() == 1:
        return 0.1
    return 1.1 / (tensor.numel() / tensor.shape[0]) ** 0.5


def is_norm(name):
    return name.endswith(("norm.weight", "norm1.weight", "norm2.weight", "layrnorm.weight"))


@torch.no_grad()
def build_model(shape, seed):
    """A LlavaForConditionalGeneration in f32, eager attention, whose numbers depend on `seed` alone."""
    config = configuration(shape)
    config._attn_implementation = "eager"
    model = LlavaForConditionalGeneration(config).eval().float()
    rng = numpy.random.default_rng(seed)
    for name, tensor in sorted(model.named_parameters()):
        values = torch.from_numpy(rng.standard_normal(tuple(tensor.shape)).astype(numpy.float32))
        # with a tied head a last norm near 1 would make every token answer with itself
        free = shape.tied and name == "model.language_model.norm.weight"
        tensor.copy_(values if free else values * scale_of(name, tensor) + (1.0 if is_norm(name) else 0.0))
        tensor.copy_(tensor.to(getattr(torch, shape.dtype)).float())  # what the file can hold
    return model


def published_name(name, new_names):
    """The name in the file of a name that the model object uses; the old names are those of the files on the hub."""
    if new_names:
        return name
    if name.startswith("model.language_model."):
        return "language_model.model." + name[len("model.language_model."):]
    return "language_model." + name if name.startswith("lm_head.") else name[len("model."):]


def is_dropped(name, shape):
    if "post_layernorm" in name:
        return True
    mark = "encoder.layers."
    return mark in name and int(name.split(mark)[1].split(".")[0]) >= shape.vision_blocks_used


def tensors_of(model, shape):
    tensors = {}
    for name, tensor in model.state_dict().items():
        if (shape.tied and name == "lm_head.weight") or (shape.drop_unused and is_dropped(name, shape)):
            continue
        dtype = getattr(torch, shape.dtype)
        tensors[published_name(name, shape.new_names)] = tensor.detach().to(dtype).contiguous()
    if shape.extras:
        tower = "model.vision_tower.vision_model." if shape.new_names else "vision_tower.vision_model."
        rows = (shape.image // shape.patch) ** 2 + 1
        tensors[tower + "embeddings.position_ids"] = torch.arange(rows).reshape(1, rows)
        inner = "model.language_model." if shape.new_names else "language_model.model."
        inv_freq = model.model.language_model.rotary_emb.inv_freq.float().contiguous()
        for layer in range(shape.layers):
            tensors[f"{inner}layers.{layer}.self_attn.rotary_emb.inv_freq"] = inv_freq.clone()
    return tensors


def save_weights(tensors, folder, shards):
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, weight_map, total = sorted(tensors), {}, 0
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: tensors[name] for name in names[shard::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in part})
        total += sum(tensor.numel() * tensor.element_size() for tensor in part.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def preprocessor(shape):
    side = {"height": shape.image, "width": shape.image}
    settings = {
        "crop_size": side, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
        "do_resize": True, "image_mean": CLIP_MEAN, "image_processor_type": "CLIPImageProcessor", "image_std": CLIP_STD,
        "processor_class": "LlavaProcessor", "resample": 3, "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": shape.resize or shape.image}}
    if shape.pad_to_square:
        settings.update(do_pad=True, image_processor_type="LlavaImageProcessor")
    return settings


def without_defaults(settings, defaults):
    """What is left of a section when everything that equals its class's default goes, as in published files."""
    kept = {name: value for name, value in settings.items() if name == "model_type" or value != defaults.get(name, ...)}
    if kept.get("head_dim") == kept.get("hidden_size", 0) // kept.get("num_attention_heads", 1):
        del kept["head_dim"]
    return kept


def save_configs(config, shape, folder):
    settings = json.loads(config.to_json_string(use_diff=True))
    settings["architectures"] = ["LlavaForConditionalGeneration"]
    settings["tie_word_embeddings"] = shape.tied
    settings["text_config"]["tie_word_embeddings"] = shape.tied
    for part in (settings, settings["text_config"], settings["vision_config"]):
        part.pop("dtype", None)
        part.pop("_attn_implementation_autoset", None)
    if not shape.new_names:
        settings["text_config"] = without_defaults(settings["text_config"], type(config.text_config)().to_dict())
        settings["vision_config"] = without_defaults(settings["vision_config"], CLIPVisionConfig().to_dict())
        settings = {name: value for name, value in settings.items()
                    if (name, value) not in [("multimodal_projector_bias", True)] and name != "image_seq_length"}
    settings["dtype" if shape.new_names else "torch_dtype"] = shape.dtype
    if shape.new_names:
        settings["image_token_id"] = settings.pop("image_token_index", shape.image_token)
    write_json(folder / "config.json", settings)
    write_json(folder / "preprocessor_config.json", preprocessor(shape))
    write_json(folder / "generation_config.json", {
        "_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": shape.pieces + 1})


def added_token(content, special):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
            "special": special}


def save_tokenizer(shape, folder):
    (folder / "tokenizer.model").write_bytes(train_tokenizer(shape.pieces))
    added = ["<unk>", "<s>", "</s>"]
    tokens = {str(index): added_token(text, True) for index, text in enumerate(added)}
    tokens[str(shape.pieces)] = added_token("<image>", False)
    tokens[str(shape.pieces + 1)] = added_token("<pad>", True)
    write_json(folder / "tokenizer_config.json", {
        "add_bos_token": True, "add_eos_token": False, "added_tokens_decoder": tokens, "bos_token": "<s>",
        "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "legacy": False,
        "tokenizer_class": "LlamaTokenizer"})


def open_model(folder):
    """A saved directory as transformers reads it, in f32."""
    transformers.logging.set_verbosity_error()  # blocks that were left out on purpose are announced as missing
    return LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def save_model(model, shape, folder):
    """Writes the whole directory: configs, tokenizer, weights."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    save_configs(model.config, shape, folder)
    save_tokenizer(shape, folder)
    save_weights(tensors_of(model, shape), folder, shape.shards)
