// The table of tensor-name prefixes.
#include "model/weight_names.hpp"

#include <charconv>

namespace llava::core {
namespace {

// First match wins, so longer prefixes stand before shorter ones of the same beginning.
constexpr PrefixRow kRows[] = {
    // transformers >= 4.52 (LlavaForConditionalGeneration saved by itself)
    {"hf-5", "model.language_model.", "language."},
    {"hf-5", "model.vision_tower.vision_model.", "vision."},
    {"hf-5", "model.vision_tower.", "vision."},
    {"hf-5", "model.multi_modal_projector.", "projector."},
    // the files of llava-hf on the hub
    {"hf", "language_model.model.", "language."},
    {"hf", "language_model.lm_head.", "lm_head."},
    {"hf", "vision_tower.vision_model.", "vision."},
    {"hf", "multi_modal_projector.", "projector."},
    {"hf-5", "lm_head.", "lm_head."},
};

constexpr std::string_view kUnusedEnds[] = {"rotary_emb.inv_freq", "embeddings.position_ids"};
constexpr std::string_view kUnusedStarts[] = {"vision.post_layernorm."};
constexpr std::string_view kVisionBlock = "vision.encoder.layers.";

}  // namespace

std::string canonical_name(std::string_view published, std::string_view* layout) {
  for (const auto& row : kRows) {
    if (!published.starts_with(row.published)) continue;
    if (layout) *layout = row.layout;
    return std::string(row.canonical).append(published.substr(row.published.size()));
  }
  return {};
}

bool is_unused_tensor(std::string_view canonical, int64_t needed_blocks) {
  for (const auto end : kUnusedEnds)
    if (canonical.ends_with(end)) return true;
  for (const auto start : kUnusedStarts)
    if (canonical.starts_with(start)) return true;
  if (!canonical.starts_with(kVisionBlock)) return false;
  int64_t block = -1;
  const auto digits = canonical.substr(kVisionBlock.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), block);
  return block >= needed_blocks;
}

}  // namespace llava::core
