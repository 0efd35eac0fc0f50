// The names that checkpoints give to tensors, as a table of prefixes. Inside, a tensor has one canonical name:
//
//   vision.embeddings.class_embedding       vision.encoder.layers.3.self_attn.q_proj.weight   …
//   projector.linear_1.weight               projector.linear_2.bias
//   language.embed_tokens.weight            language.layers.0.mlp.gate_proj.weight            language.norm.weight
//   lm_head.weight                          image_newline
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weights/tensor_map.hpp"

namespace llava::core {

struct PrefixRow {
  std::string_view layout;     // "hf" (files on the hub), "hf-5" (saved by transformers >= 4.52), "original", "tower"
  std::string_view published;  // prefix in the file
  std::string_view canonical;  // prefix inside
};

/// The canonical name of a published one; empty when no row fits. `layout` receives the row's layout.
std::string canonical_name(std::string_view published, std::string_view* layout = nullptr);

/// The name a tensor has in files of a layout: "hf", "original", or "tower" for a vision tower in a folder of its own.
/// `projector_depth`: the original writes a single layer without a number. Empty when the layout has no place for it.
std::string published_name(std::string_view canonical, std::string_view layout, int64_t projector_depth);

/// The canonical name of a tensor in a file that holds a projector alone: whatever stands before "mm_projector." or
/// "multi_modal_projector." is dropped, and bare names ("weight", "0.weight", "linear_1.weight") are taken as they are.
/// Empty for others.
std::string projector_name(std::string_view published);

/// True for tensors that checkpoints carry and no forward pass reads: position_ids, rotary inv_freq, post_layernorm,
/// and vision blocks from `needed_blocks` on.
bool is_unused_tensor(std::string_view canonical, int64_t needed_blocks);

/// True for those of them that no layout needs: what can be computed from the configuration.
bool is_derived_tensor(std::string_view canonical);

/// True for the parts of a whole CLIP that are not its vision tower.
bool is_text_tower_tensor(std::string_view published);

/// The tensors of a checkpoint by canonical name, from as many files as it is made of.
struct NamedTensors {
  std::map<std::string, TensorView, std::less<>> found;
  std::vector<std::string> unknown;  // published names that no row fits
  std::vector<MappedSource> files;   // that they are views of, for check_unchanged()

  /// Throws Error(format) when two published names mean the same tensor.
  void add(std::string canonical, const TensorView& view);
  bool has(std::string_view canonical) const { return found.find(canonical) != found.end(); }
  /// Whether any name begins so.
  bool has_prefix(std::string_view prefix) const;
  void remove_prefix(std::string_view prefix);
};

}  // namespace llava::core
