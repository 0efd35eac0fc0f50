"""The same arithmetic written out in numpy, f64, without transformers: it vouches for the expected values.

Weights come from the saved files, shapes from config.json as a reader sees it, so it also checks what was written.
Dynamic rotary scaling uses the whole length, as one forward pass over all rows does.
"""

import json
import math
import pathlib

import numpy
import torch
from safetensors.torch import load_file


def load_weights(folder):
    tensors = {}
    for file in sorted(pathlib.Path(folder).glob("*.safetensors")):
        if file.name != "expected.safetensors":
            tensors.update(load_file(file))
    renamed = {}
    for name, tensor in tensors.items():
        for old, new in (("language_model.model.", "model.language_model."), ("language_model.lm_head", "lm_head"),
                         ("vision_tower.", "model.vision_tower."), ("multi_modal_projector.", "model.multi_modal_projector.")):
            if name.startswith(old):
                name = new + name[len(old):]
                break
        renamed[name] = tensor.to(torch.float64).numpy()
    return renamed


def erf(x):
    return numpy.vectorize(math.erf)(x)


def activation(name, x):
    if name == "quick_gelu":
        return x / (1 + numpy.exp(-1.702 * x))
    if name == "gelu":
        return 0.5 * x * (1 + erf(x / math.sqrt(2)))
    if name == "gelu_pytorch_tanh":
        return 0.5 * x * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    raise ValueError(f"activation {name}")


def softmax(x):
    e = numpy.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Plain:
    def __init__(self, folder):
        self.weights = load_weights(folder)
        self.config = json.loads((pathlib.Path(folder) / "config.json").read_text())

    def linear(self, x, name):
        y = x @ self.weights[name + ".weight"].T
        return y + self.weights[name + ".bias"] if name + ".bias" in self.weights else y

    def layer_norm(self, x, name):
        eps = self.config["vision_config"].get("layer_norm_eps", 1e-5)
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / numpy.sqrt((centred**2).mean(-1, keepdims=True) + eps)
        return scaled * self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def vision(self, pixels):
        """[3, S, S] -> [1 + P, C] at the feature layer, class token first."""
        vision, tower = self.config["vision_config"], "model.vision_tower.vision_model."
        side, patch = vision.get("image_size", 224), vision.get("patch_size", 32)
        heads, grid = vision.get("num_attention_heads", 12), side // patch
        kernel = self.weights[tower + "embeddings.patch_embedding.weight"]
        used = pixels.astype(numpy.float64)[:, : grid * patch, : grid * patch]
        patches = used.reshape(3, grid, patch, grid, patch).transpose(1, 3, 0, 2, 4).reshape(grid * grid, -1)
        x = patches @ kernel.reshape(kernel.shape[0], -1).T
        x = numpy.concatenate([self.weights[tower + "embeddings.class_embedding"][None], x])
        x = self.layer_norm(x + self.weights[tower + "embeddings.position_embedding.weight"], tower + "pre_layrnorm")
        layer = self.config.get("vision_feature_layer", -2)
        count = layer if layer >= 0 else vision.get("num_hidden_layers", 12) + 1 + layer
        for index in range(count):
            x = self.vision_block(x, f"{tower}encoder.layers.{index}.", heads, vision.get("hidden_act", "quick_gelu"))
        return x

    def vision_block(self, x, name, heads, act):
        h = self.layer_norm(x, name + "layer_norm1")
        width = x.shape[1] // heads
        q, k, v = (self.linear(h, f"{name}self_attn.{part}_proj").reshape(-1, heads, width).transpose(1, 0, 2) for part in "qkv")
        mixed = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(width)) @ v
        x = x + self.linear(mixed.transpose(1, 0, 2).reshape(x.shape), name + "self_attn.out_proj")
        h = activation(act, self.linear(self.layer_norm(x, name + "layer_norm2"), name + "mlp.fc1"))
        return x + self.linear(h, name + "mlp.fc2")

    def project(self, features):
        if self.config.get("vision_feature_select_strategy", "default") == "default":
            features = features[1:]
        h = self.linear(features, "model.multi_modal_projector.linear_1")
        return self.linear(activation(self.config.get("projector_hidden_act", "gelu"), h), "model.multi_modal_projector.linear_2")

    def frequencies(self, text, width, length):
        theta, scaling = text.get("rope_theta", 10000.0), text.get("rope_scaling") or {}
        kind, factor = scaling.get("rope_type", scaling.get("type", "default")), scaling.get("factor", 1.0)
        if kind == "dynamic":
            context = text.get("max_position_embeddings", 2048)
            theta *= (factor * max(length, context) / context - (factor - 1)) ** (width / (width - 2))
        plain = theta ** -(numpy.arange(0, width, 2) / width)
        if kind == "linear":
            return plain / factor
        if kind != "llama3":
            return plain
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        context, out = scaling["original_max_position_embeddings"], []
        for frequency in plain:
            wavelength = 2 * math.pi / frequency
            smooth = (context / wavelength - low) / (high - low)
            smooth = min(1.0, max(0.0, smooth))
            out.append((1 - smooth) * frequency / factor + smooth * frequency)
        return numpy.array(out)

    def rms(self, x, name, eps):
        return x / numpy.sqrt((x**2).mean(-1, keepdims=True) + eps) * self.weights[name + ".weight"]

    def language(self, x):
        """[L', D] -> logits [L', V]."""
        text = self.config["text_config"]
        eps, heads = text.get("rms_norm_eps", 1e-6), text.get("num_attention_heads", 32)
        groups = heads // text.get("num_key_value_heads", heads)
        width = text.get("head_dim") or x.shape[1] // heads
        angles = numpy.outer(numpy.arange(len(x)), self.frequencies(text, width, len(x)))
        cos, sin = (numpy.concatenate([part, part], 1)[None] for part in (numpy.cos(angles), numpy.sin(angles)))
        mask = numpy.triu(numpy.full((len(x), len(x)), -numpy.inf), 1)

        def rotated(t):
            half = width // 2
            return t * cos + numpy.concatenate([-t[..., half:], t[..., :half]], -1) * sin

        for index in range(text.get("num_hidden_layers", 32)):
            name = f"model.language_model.layers.{index}."
            h = self.rms(x, name + "input_layernorm", eps)
            q, k, v = (self.linear(h, f"{name}self_attn.{part}_proj").reshape(len(x), -1, width).transpose(1, 0, 2) for part in "qkv")
            k, v = (numpy.repeat(part, groups, axis=0) for part in (rotated(k), v))
            mixed = softmax(rotated(q) @ k.transpose(0, 2, 1) / math.sqrt(width) + mask) @ v
            x = x + self.linear(mixed.transpose(1, 0, 2).reshape(len(x), -1), name + "self_attn.o_proj")
            h = self.rms(x, name + "post_attention_layernorm", eps)
            gate = self.linear(h, name + "mlp.gate_proj")
            x = x + self.linear(gate / (1 + numpy.exp(-gate)) * self.linear(h, name + "mlp.up_proj"), name + "mlp.down_proj")
        head = "lm_head.weight" if "lm_head.weight" in self.weights else "model.language_model.embed_tokens.weight"
        return self.rms(x, "model.language_model.norm", eps) @ self.weights[head].T

    def logits(self, ids, pixels):
        table, rows = self.weights["model.language_model.embed_tokens.weight"], []
        pictures = iter(self.project(self.vision(each)) for each in pixels)
        for token in ids:
            rows.append(next(pictures) if token == -200 else table[token][None])
        return self.language(numpy.concatenate(rows))
