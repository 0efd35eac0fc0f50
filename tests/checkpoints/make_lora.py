#!/usr/bin/env python3
"""Makes the golden LoRA folders: random matrices with the names and files that PEFT and LLaVA's training write, and logits.

    ~/.cache/libllava/oracle-venv/bin/python tests/checkpoints/make_lora.py

The base models are those of make.py. What an adapter does is computed by hooks on transformers' own modules, after PEFT's
documented formula: y = W x + b + scale * alpha / r * B (A x), with the square root of r for rank-stabilised LoRA; tensors
that are saved whole are copied into the model. The same numbers with the products added to the weights must give the
same logits within 1e-4, or the script stops. README.md says what each folder shows.
"""

import contextlib
import re

import numpy
import torch
from safetensors.torch import load_file, save_file

from make import (GOLDEN, LEAST_MARGIN, fresh, greedy_of, logits_of, original_config, prepare_torch,
                  projector_tensors, shape_of, telling_model, write_json)
from models import open_model

LANGUAGE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def original_path(path):
    """haotian-liu/LLaVA's name of a module that transformers' object calls `path`."""
    return path.replace("model.language_model.", "model.").replace("model.multi_modal_projector.linear_1", "model.mm_projector.0")


def hub_path(path):
    """The name in models of transformers up to 4.51."""
    if path.startswith("model.language_model."):
        return "language_model.model." + path[len("model.language_model."):]
    return "language_model." + path if path == "lm_head" else path[len("model."):]


class Lora:
    """Matrices for the modules that `chosen` picks."""

    def __init__(self, model, chosen, config, dtype, seed):
        rng = numpy.random.default_rng([seed, 7])
        self.config, self.model, self.products = config, model, {}
        for path, module in model.named_modules():
            if not isinstance(module, torch.nn.Linear) or not chosen(path):
                continue
            rank = self.pattern("rank_pattern", path, config["r"])
            draw = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(numpy.float32))  # noqa: E731
            down = (draw(rank, module.in_features) / module.in_features ** 0.5).to(TYPES[dtype])
            up = (draw(module.out_features, rank) * 0.25).to(TYPES[dtype])
            self.products[path] = (down, up)

    def pattern(self, key, path, otherwise):
        for name, value in self.config.get(key, {}).items():
            if re.match(rf"(.*\.)?({name})$", path) or re.match(rf"(.*\.)?({name})$", hub_path(path)):
                return value
        return otherwise

    def strength(self, path):
        rank, alpha = self.products[path][0].shape[0], self.pattern("alpha_pattern", path, self.config["lora_alpha"])
        return alpha / (rank ** 0.5 if self.config.get("use_rslora") else rank)

    @contextlib.contextmanager
    def at(self, scale):
        def hook(path):
            down, up = (matrix.float() for matrix in self.products[path])
            factor = scale * self.strength(path)
            return lambda module, args, output: output + factor * ((args[0] @ down.T) @ up.T)

        handles = [self.model.get_submodule(path).register_forward_hook(hook(path)) for path in self.products]
        yield
        for handle in handles:
            handle.remove()

    def merged(self, path, scale):
        down, up = (matrix.float() for matrix in self.products[path])
        return self.model.get_submodule(path).weight + scale * self.strength(path) * (up @ down)

    def tensors(self, published, middle=""):
        out = {}
        for path, (down, up) in self.products.items():
            out[f"base_model.model.{published(path)}.lora_A.{middle}weight"] = down.contiguous()
            out[f"base_model.model.{published(path)}.lora_B.{middle}weight"] = up.contiguous()
        return out


def expected_of(lora, shape, ids, pixels, watched):
    values = {"ids": torch.tensor(ids), "pixels": torch.from_numpy(numpy.stack(pixels))}
    with lora.at(1.0):
        values["greedy"], values["margin"] = greedy_of(lora.model, shape, ids, pixels, length=12)
        values["logits"] = logits_of(lora.model, shape, ids, pixels)
    with lora.at(0.5):
        values["logits_half"] = logits_of(lora.model, shape, ids, pixels)
    values["merged_half"] = lora.merged(watched, 0.5)
    values["merged_half_f16"] = values["merged_half"].half()
    return {name: tensor.contiguous().clone() for name, tensor in values.items()}


def check_merging(lora, shape, ids, pixels, logits):
    before = {path: lora.model.get_submodule(path).weight.clone() for path in lora.products}
    for path in lora.products:
        lora.model.get_submodule(path).weight.copy_(lora.merged(path, 1.0))
    far = (logits_of(lora.model, shape, ids, pixels) - logits).abs().max() / max(1.0, logits.abs().max())
    for path, weight in before.items():
        lora.model.get_submodule(path).weight.copy_(weight)
    if far > 1e-4:
        raise RuntimeError(f"merged and added differ by {far}")


def replace(model, names, dtype, seed):
    """Other numbers for some tensors of the model; {name: tensor}."""
    rng = numpy.random.default_rng([seed, 8])
    state, out = dict(model.named_parameters()), {}
    for name in names:
        noise = torch.from_numpy(rng.standard_normal(tuple(state[name].shape)).astype(numpy.float32))
        out[name] = (state[name] + 0.3 * noise * state[name].std()).to(TYPES[dtype])
        state[name].copy_(out[name].float())
    return out


def tell(name, make):
    """Writes the folder of the first seed whose greedy answer is no near-tie and not the base's."""
    for seed in range(1, 200):
        lora, shape, ids, pixels, watched, write, base_greedy = make(seed)
        values = expected_of(lora, shape, ids, pixels, watched)
        if float(values["margin"].min()) < LEAST_MARGIN or values["greedy"].tolist() == base_greedy:
            continue
        check_merging(lora, shape, ids, pixels, values["logits"])
        folder = fresh(name)
        write_json(folder / "adapter_config.json", {
            "base_model_name_or_path": "someone/base", "bias": "none", "fan_in_fan_out": False, "inference_mode": True,
            "init_lora_weights": True, "lora_dropout": 0.05, "modules_to_save": None, "peft_type": "LORA",
            "task_type": "CAUSAL_LM", **lora.config})
        write(folder)
        save_file(values, folder / "expected.safetensors")
        print(name, "seed", seed, sum(file.stat().st_size for file in folder.iterdir()), "bytes")
        return
    raise RuntimeError("no telling seed")


def rows_model():
    """hf_rows of make.py, opened by transformers."""
    model, expected = open_model(GOLDEN / "hf_rows"), load_file(GOLDEN / "hf_rows" / "expected.safetensors")
    shape = shape_of(spare_rows=20, extras=True, feature_layer=-2)
    return model, shape, expected["ids"].tolist(), list(expected["pixels"].numpy()), expected["greedy"].tolist()


def original(seed):
    """What LLaVA's finetune_lora.sh leaves: bf16, seven leaves of the language model, the projector beside."""
    model, shape, ids, pixels, greedy = rows_model()
    config = {"r": 4, "lora_alpha": 8, "target_modules": LANGUAGE}
    projector = [name for name, _ in model.named_parameters() if "multi_modal_projector" in name]
    replace(model, projector, "bf16", seed)
    lora = Lora(model, lambda path: "language_model" in path, config, "bf16", seed)

    def write(folder):
        torch.save(lora.tensors(original_path), folder / "adapter_model.bin")
        rest = projector_tensors(model, "base_model.model.model.mm_projector.")
        state = {name: tensor.float().bfloat16() for name, tensor in exact(model, rest).items()}
        torch.save(state, folder / "non_lora_trainables.bin")

    return lora, shape, ids, pixels, "model.language_model.layers.0.self_attn.q_proj", write, greedy


def exact(model, named):
    """projector_tensors() rounds to f16; here the f32 numbers are wanted."""
    projector = dict(model.model.multi_modal_projector.state_dict())
    out = {}
    for name in named:
        index, kind = name.rsplit(".", 2)[1:]
        out[name] = projector[f"linear_{int(index) // 2 + 1}.{kind}"].clone()
    return out


def hub(seed):
    """PEFT on a model of transformers <= 4.51: f32, patterns, rank-stabilised, all biases, matrices in tower and projector."""
    model, shape, ids, pixels, greedy = rows_model()
    leaves = ("q_proj", "v_proj", "down_proj", "linear_1", "lm_head")
    config = {"r": 4, "lora_alpha": 3, "use_rslora": True, "bias": "all", "target_modules": list(leaves),
              "rank_pattern": {"v_proj": 2, "model.layers.1.mlp.down_proj": 6}, "alpha_pattern": {"lm_head": 5, "v_proj": 1.5}}
    biases = [name for name, _ in model.named_parameters() if name.endswith(".bias")]
    changed = replace(model, biases, "f32", seed)
    lora = Lora(model, lambda path: path.endswith(leaves), config, "f32", seed)

    def write(folder):
        tensors = lora.tensors(hub_path)
        for name, tensor in changed.items():
            path = name[: -len(".bias")]
            wrapped = ".base_layer" if path in lora.products else ""
            tensors[f"base_model.model.{hub_path(path)}{wrapped}.bias"] = tensor.contiguous()
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})

    return lora, shape, ids, pixels, "model.vision_tower.vision_model.encoder.layers.0.self_attn.q_proj", write, greedy


def later(seed):
    """PEFT on a model of transformers 5: f16, a pattern as target, the adapter's name in the tensors', a whole module saved."""
    model, shape, ids, pixels, greedy = rows_model()
    config = {"r": 2, "lora_alpha": 4, "target_modules": r".*language_model.*\.(k_proj|up_proj)",
              "modules_to_save": ["multi_modal_projector"]}
    projector = [name for name, _ in model.named_parameters() if "multi_modal_projector" in name]
    changed = replace(model, projector, "f16", seed)
    lora = Lora(model, lambda path: re.fullmatch(config["target_modules"], path), config, "f16", seed)

    def write(folder):
        tensors = lora.tensors(lambda path: path, "default.")
        for name, tensor in changed.items():
            module, rest = name.split("multi_modal_projector.")
            tensors[f"base_model.model.{module}multi_modal_projector.modules_to_save.default.{rest}"] = tensor.contiguous()
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})

    return lora, shape, ids, pixels, "model.language_model.layers.0.self_attn.k_proj", write, greedy


def published(seed):
    """As LLaVA-1.5's LoRA is published: for a language model without projector; the folder brings config.json and projector."""
    shape = shape_of(spare_rows=0, rope_scaling={"type": "linear", "factor": 2.0})
    model, expected = telling_model(shape)
    ids, pixels, greedy = expected["ids"].tolist(), list(expected["pixels"].numpy()), expected["greedy"].tolist()
    lora = Lora(model, lambda path: "language_model" in path, {"r": 3, "lora_alpha": 6, "target_modules": LANGUAGE}, "f16", seed)

    def write(folder):
        torch.save(lora.tensors(original_path), folder / "adapter_model.bin")
        torch.save(projector_tensors(model, "base_model.model.model.mm_projector."), folder / "non_lora_trainables.bin")
        write_json(folder / "config.json", original_config(shape, "openai/elsewhere"))

    return lora, shape, ids, pixels, "model.language_model.layers.0.self_attn.q_proj", write, greedy


def main():
    prepare_torch()
    for name, make in (("lora_original", original), ("lora_hub", hub), ("lora_later", later), ("lora_published", published)):
        tell(name, make)


if __name__ == "__main__":
    main()
