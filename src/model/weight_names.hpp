// The names that checkpoints give to tensors, as a table of prefixes. Inside, a tensor has one canonical name:
//
//   vision.embeddings.class_embedding       vision.encoder.layers.3.self_attn.q_proj.weight   …
//   projector.linear_1.weight               projector.linear_2.bias
//   language.embed_tokens.weight            language.layers.0.mlp.gate_proj.weight            language.norm.weight
//   lm_head.weight
#pragma once

#include <string>
#include <string_view>

namespace llava::core {

struct PrefixRow {
  std::string_view layout;     // "hf" (files on the hub), "hf-5" (saved by transformers >= 4.52), …
  std::string_view published;  // prefix in the file
  std::string_view canonical;  // prefix inside
};

/// The canonical name of a published one; empty when no row fits. `layout` receives the row's layout.
std::string canonical_name(std::string_view published, std::string_view* layout = nullptr);

/// True for tensors that checkpoints carry and no forward pass reads: position_ids, rotary inv_freq, post_layernorm,
/// and vision blocks from `needed_blocks` on.
bool is_unused_tensor(std::string_view canonical, int64_t needed_blocks);

}  // namespace llava::core
