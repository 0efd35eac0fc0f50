// The table of tensor-name prefixes.
#include "model/weight_names.hpp"

#include <charconv>

#include "base/error.hpp"

namespace llava::core {
namespace {

// First match wins, so longer prefixes stand before shorter ones of the same beginning.
constexpr PrefixRow kRows[] = {
    // transformers >= 4.52 (LlavaForConditionalGeneration saved by itself)
    {"hf-5", "model.language_model.", "language."},
    // haotian-liu/LLaVA with the tower inside: its wrapper's name, then the module's
    {"original", "model.vision_tower.vision_tower.vision_model.", "vision."},
    {"original", "model.vision_tower.vision_tower.", "vision."},
    {"hf-5", "model.vision_tower.vision_model.", "vision."},
    {"hf-5", "model.vision_tower.", "vision."},
    {"hf-5", "model.multi_modal_projector.", "projector."},
    {"original", "model.image_newline", "image_newline"},  // and transformers >= 4.52
    // the files of llava-hf on the hub
    {"hf", "language_model.model.", "language."},
    {"hf", "language_model.lm_head.", "lm_head."},
    {"hf", "vision_tower.vision_model.", "vision."},
    {"hf", "multi_modal_projector.", "projector."},
    {"hf", "image_newline", "image_newline"},
    // haotian-liu/LLaVA, and a language model by itself
    {"original", "model.mm_projector.", "projector."},
    {"original", "model.embed_tokens.", "language.embed_tokens."},
    {"original", "model.layers.", "language.layers."},
    {"original", "model.norm.", "language.norm."},
    {"original", "lm_head.", "lm_head."},
    // CLIPVisionModel, CLIPModel
    {"tower", "vision_model.", "vision."},
};

constexpr std::string_view kDerivedEnds[] = {"rotary_emb.inv_freq", "embeddings.position_ids"};
constexpr std::string_view kUnusedStarts[] = {"vision.post_layernorm."};
constexpr std::string_view kTextTowerStarts[] = {"text_model.", "visual_projection.", "text_projection.",
                                                 "logit_scale", "text_embeds",        "image_embeds"};
constexpr std::string_view kVisionBlock = "vision.encoder.layers.";
constexpr std::string_view kProjector = "projector.";
constexpr std::string_view kLayer = "linear_";

// "0.weight" of a Sequential with activations between its layers, and "weight" of a layer alone -> "linear_1.weight"
std::string layer_name(std::string_view rest) {
  if (rest == "weight" || rest == "bias") return cat(kLayer, "1.", rest);
  int64_t index = -1;
  const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), index);
  const bool numbered = result.ec == std::errc() && result.ptr < rest.data() + rest.size() && *result.ptr == '.';
  if (!numbered || index < 0 || index % 2) return std::string(rest);
  return cat(kLayer, index / 2 + 1, rest.substr(static_cast<size_t>(result.ptr - rest.data())));
}

// and back
std::string sequential_name(std::string_view rest, int64_t depth) {
  const auto dot = rest.find('.');
  int64_t layer = 0;
  if (rest.starts_with(kLayer) && dot != rest.npos)
    std::from_chars(rest.data() + kLayer.size(), rest.data() + dot, layer);
  if (layer < 1) return {};
  return depth == 1 ? std::string(rest.substr(dot + 1)) : cat(2 * (layer - 1), rest.substr(dot));
}

}  // namespace

std::string canonical_name(std::string_view published, std::string_view* layout) {
  for (const auto& row : kRows) {
    if (!published.starts_with(row.published)) continue;
    if (layout) *layout = row.layout;
    const auto rest = published.substr(row.published.size());
    const bool numbered = row.layout == "original" && row.canonical == kProjector;
    return std::string(row.canonical).append(numbered ? layer_name(rest) : std::string(rest));
  }
  return {};
}

std::string published_name(std::string_view canonical, std::string_view layout, int64_t projector_depth) {
  for (const auto& row : kRows) {
    if (row.layout != layout || !canonical.starts_with(row.canonical)) continue;
    const auto rest = canonical.substr(row.canonical.size());
    if (layout != "original" || row.canonical != kProjector) return std::string(row.published).append(rest);
    const auto numbered = sequential_name(rest, projector_depth);
    return numbered.empty() ? numbered : std::string(row.published) + numbered;
  }
  return {};
}

std::string projector_name(std::string_view published) {
  for (const std::string_view mark : {"mm_projector.", "multi_modal_projector."}) {
    const auto at = published.find(mark);
    if (at != published.npos) return std::string(kProjector) + layer_name(published.substr(at + mark.size()));
  }
  const auto bare = layer_name(published);
  return bare.starts_with(kLayer) ? std::string(kProjector) + bare : std::string();
}

bool is_derived_tensor(std::string_view canonical) {
  for (const auto end : kDerivedEnds)
    if (canonical.ends_with(end)) return true;
  return false;
}

bool is_unused_tensor(std::string_view canonical, int64_t needed_blocks) {
  if (is_derived_tensor(canonical)) return true;
  for (const auto start : kUnusedStarts)
    if (canonical.starts_with(start)) return true;
  if (!canonical.starts_with(kVisionBlock)) return false;
  int64_t block = -1;
  const auto digits = canonical.substr(kVisionBlock.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), block);
  return block >= needed_blocks;
}

bool is_text_tower_tensor(std::string_view published) {
  for (const auto start : kTextTowerStarts)
    if (published.starts_with(start)) return true;
  return false;
}

void NamedTensors::add(std::string canonical, const TensorView& view) {
  const auto [entry, fresh] = found.emplace(std::move(canonical), view);
  if (!fresh)
    throw Error(Status::format, cat(view.file, ": ", view.name, " and ", entry->second.name, " in ", entry->second.file,
                                    " are the same tensor of the model"));
}

bool NamedTensors::has_prefix(std::string_view prefix) const {
  const auto entry = found.lower_bound(prefix);
  return entry != found.end() && entry->first.starts_with(prefix);
}

void NamedTensors::remove_prefix(std::string_view prefix) {
  auto entry = found.lower_bound(prefix);
  while (entry != found.end() && entry->first.starts_with(prefix)) entry = found.erase(entry);
}

}  // namespace llava::core
