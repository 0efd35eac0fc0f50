"""A LLaMA for training on a CPU: the arithmetic and parameter names of transformers' LlamaForCausalLM, with
q, k, v and gate, up as one product each, and logits only where a label asks for them."""

import torch
import torch.nn.functional as F
from torch import nn

LAYERS, WIDTH, HEADS, HIDDEN = 5, 160, 5, 448
HEAD_WIDTH = WIDTH // HEADS
EPS, THETA = 1e-5, 10000.0
POSITIONS = 512
EMBEDDING = 0.5   # size of an initial embedding's numbers: what layers add must not drown which word it was


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))

    def forward(self, x, turns):
        B, L, D = x.shape
        qk, v = F.linear(x, torch.cat((pairs(self.q_proj.weight), pairs(self.k_proj.weight), self.v_proj.weight))
                         ).split((2 * WIDTH, WIDTH), -1)
        qk = torch.view_as_complex(qk.view(B, L, 2, HEADS, HEAD_WIDTH // 2, 2)) * turns
        q, k = torch.view_as_real(qk).view(B, L, 2, HEADS, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        v = v.view(B, L, HEADS, HEAD_WIDTH).transpose(1, 2)
        x = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(x.transpose(1, 2).reshape(B, L, D))


def pairs(weight):
    """Rows of a q or k matrix in such an order that the two numbers which rotary positions turn together stand
    side by side, as one complex number. The products of q and k do not change."""
    return weight.view(HEADS, 2, HEAD_WIDTH // 2, WIDTH).transpose(1, 2).reshape(WIDTH, WIDTH)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(WIDTH, HIDDEN, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(HIDDEN, WIDTH, bias=False)

    def forward(self, x):
        gate, up = F.linear(x, torch.cat((self.gate_proj.weight, self.up_proj.weight))).split(HIDDEN, -1)
        return self.down_proj(F.silu(gate) * up)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.self_attn, self.mlp = Attention(), MLP()
        self.input_layernorm, self.post_attention_layernorm = (nn.RMSNorm(WIDTH, EPS) for _ in range(2))

    def forward(self, x, turns):
        x = x + self.self_attn(self.input_layernorm(x), turns)
        return x + self.mlp(self.post_attention_layernorm(x))


class Model(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(WIDTH, EPS)
        angles = torch.arange(POSITIONS)[:, None] * THETA ** (-torch.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles)[:, None, None], persistent=False)

    def forward(self, embeds):
        x = embeds
        for layer in self.layers:
            x = layer(x, self.turns[:embeds.shape[1]])
        return self.norm(x)


class Llama(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.model = Model(vocabulary)
        self.lm_head = nn.Linear(WIDTH, vocabulary, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=EMBEDDING if "embed" in name else 0.02 if "lm_head" in name else parameter.shape[1] ** -0.5)
                if "o_proj" in name or "down_proj" in name:
                    parameter.data /= (2 * LAYERS) ** 0.5
        for layer in self.model.layers:   # q = k: attention begins by looking for what is alike, which is half of looking up
            layer.self_attn.q_proj.weight.data *= 0.9
            layer.self_attn.k_proj.weight.data.copy_(layer.self_attn.q_proj.weight.data)

    def loss(self, embeds, labels):
        """Mean cross-entropy of the labels (IGNORE elsewhere), and the share of labels predicted right."""
        hidden = self.model(embeds)
        wanted = labels[:, 1:]
        asked = wanted >= 0
        logits = self.lm_head(hidden[:, :-1][asked])
        right = (logits.detach().argmax(-1) == wanted[asked]).float().mean()
        return F.cross_entropy(logits, wanted[asked]), right


def config(vocabulary):
    from transformers import LlamaConfig
    return LlamaConfig(vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=HIDDEN, num_hidden_layers=LAYERS,
                       num_attention_heads=HEADS, num_key_value_heads=HEADS, max_position_embeddings=POSITIONS,
                       rms_norm_eps=EPS, rope_theta=THETA, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
