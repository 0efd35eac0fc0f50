// Sums over shapes. The counts follow train/decoder_pass and model/vision line by line.
#include "train/memory_plan.hpp"

#include <algorithm>
#include <bit>

#include "ops/gradients.hpp"
#include "train/network.hpp"
#include "train/stages.hpp"

namespace llava::core {
namespace {

constexpr int64_t kFloat = 4;
constexpr int64_t kLibraryBytes = 48 << 20;  // pages of LibTorch and MKL that the first step touches; measured

struct Widths {
  int64_t hidden, inner, query, key;
};

Widths widths_of(const LanguageConfig& language) {
  return {language.width, language.intermediate, language.heads * language.head_width,
          language.key_value_heads * language.head_width};
}

int64_t weight_bytes(const LoadPlan& plan) {
  int64_t bytes = 0;
  for (const auto& tensor : plan.taken) bytes += static_cast<int64_t>(tensor.view->size_bytes);
  return bytes;
}

// Of one row and block: block input, keys and values, attended rows, rows before the MLP, gate and up; and what `keep`
// keeps besides.
int64_t kept_numbers(const Widths& widths, bool all) {
  const auto cheap = 2 * widths.hidden + 2 * widths.query + 2 * widths.key + 2 * widths.inner;
  return all ? cheap + 2 * widths.hidden + widths.inner : cheap;
}

int64_t activation_bytes(const RunSettings& settings, const LanguageConfig& language, const LargestLeaf& leaf,
                         bool language_learns) {
  const auto widths = widths_of(language);
  const auto policy = settings.recompute.choose(leaf.rows);
  const auto all = kept_numbers(widths, language_learns);
  if (policy == Recompute::full) return kFloat * leaf.rows * (language.layers * widths.hidden + all);
  const auto block = policy == Recompute::keep ? all : kept_numbers(widths, false);
  return kFloat * leaf.rows * language.layers * block;
}

// One block on its way back: the gradients of product, gate, up, and of queries, keys and values before and after they are
// joined; three rows of the residual.
int64_t block_bytes(const LanguageConfig& language, const LargestLeaf& leaf) {
  const auto widths = widths_of(language);
  return kFloat * leaf.rows * (4 * widths.hidden + 2 * widths.inner + 2 * widths.query + 4 * widths.key);
}

int64_t logit_bytes(const LanguageConfig& language, const LargestLeaf& leaf) {
  const auto rows = std::min<int64_t>(leaf.labels, kLossRows);
  return kFloat * (rows * language.vocabulary + leaf.labels * 3 * language.width + 2 * leaf.rows * language.width);
}

int64_t tower_bytes(const VisionConfig& vision, const LargestLeaf& leaf) {
  const auto rows = leaf.pictures * (vision.patches() + 1);
  return kFloat * rows * (5 * vision.width + 2 * vision.intermediate);
}

int64_t pixel_bytes(const VisionConfig& vision, int64_t pictures) {
  return kFloat * pictures * 3 * vision.image_size * vision.image_size;
}

}  // namespace

Json memory_plan(const LoadPlan& plan, const RunSettings& settings, int64_t learning, const LargestLeaf& leaf) {
  const auto& config = plan.checkpoint.config;
  const auto mask = mask_of(settings.learns);
  const bool language_learns = mask("language.layers.0.mlp.up_proj.weight") || settings.lora.rank > 0;
  const auto leaves = settings.batch / settings.micro_batch;
  const auto sums = static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(leaves)));
  NetworkOptions network;
  network.nf4_base = settings.nf4_base;
  if (!settings.deterministic) network.lanes = 0;
  const auto lanes = lane_count(network, config.language, learning);
  const auto ahead = std::min<int64_t>(2 * settings.batch, 4096) + settings.batch;
  auto json = Json::object(
      {{"weights", weight_bytes(plan)},
       {"parameters", learning * ((3 + lanes) * kFloat + (settings.precision == Precision::bf16_store ? 2 : 0))},
       {"sums", learning * kFloat * sums},
       {"activations", activation_bytes(settings, config.language, leaf, language_learns)},
       {"working", std::max({block_bytes(config.language, leaf), logit_bytes(config.language, leaf),
                             tower_bytes(config.vision, leaf)})},
       {"snapshot", settings.save_async && settings.save_every > 0 ? learning * 3 * kFloat : 0},
       {"answers", settings.answer_every > 0 ? weight_bytes(plan) : 0},
       {"samples", pixel_bytes(config.vision, std::min(ahead, ahead * leaf.pictures / settings.micro_batch + 1))},
       {"library", kLibraryBytes}});
  int64_t total = 0;
  for (const auto& [name, bytes] : json.items()) total += bytes.integer();
  json.add("total", total);
  return json;
}

}  // namespace llava::core
