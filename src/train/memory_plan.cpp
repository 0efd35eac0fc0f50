// Sums over shapes. The counts follow train/decoder_pass and model/vision line by line.
#include "train/memory_plan.hpp"

#include <algorithm>

#include "ops/device.hpp"
#include "ops/gradients.hpp"
#include "train/network.hpp"
#include "train/stages.hpp"

namespace llava::core {
namespace {

constexpr int64_t kFloat = 4;
constexpr int64_t kWideRows = 6;  // f32 rows that the gradient of a norm has alive (ops/gradient_reference)
constexpr int64_t kCardLibraryBytes = int64_t{1229} << 20;  // 1.2 GiB, assumed
constexpr int64_t kGlooCopies = 2;                          // of the largest unit, of Gloo's own; measured
constexpr int64_t kLoraHoles = 8;                           // a part of the activations; measured
constexpr int64_t kNcclCopies = 0;           // NCCL sends from the tensor itself; its buffers are among the library's
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

int64_t weight_count(const LoadPlan& plan) {
  int64_t count = 0;
  for (const auto& tensor : plan.taken)
    count += static_cast<int64_t>(tensor.view->size_bytes / dtype_bytes(tensor.view->dtype));
  return count;
}

int64_t working_bytes(const ModelConfig& config, const LargestLeaf& leaf) {
  return std::max(
      {block_bytes(config.language, leaf), logit_bytes(config.language, leaf), tower_bytes(config.vision, leaf)});
}

Json with_total(Json json) {
  int64_t total = 0;
  for (const auto& [name, bytes] : json.items()) total += bytes.integer();
  json.add("total", total);
  return json;
}

/// Of what learns, by where it lies.
class Shares {
 public:
  Shares(const RunSettings& settings, const LearningCount& learning, int64_t ranks, int64_t lanes)
      : settings_(settings),
        learning_(learning),
        ranks_(ranks),
        level_(ranks > 1 ? settings.zero : std::min<int64_t>(settings.zero, 2)),
        lanes_(lanes) {}

  int64_t weights(int64_t all) const {
    return level_ < 3 ? all : all - learning_.stored_bytes + learning_.stored_bytes / ranks_;
  }
  int64_t parameters() const {
    const auto beside = 2 * kFloat + kFloat - stored_bytes();  // moments, and a remainder
    const auto gradients = level_ < 2 ? lanes_ * kFloat * learning_.parameters : 0;
    return share(beside * learning_.parameters, 1) + share(stored_bytes() * learning_.parameters, 3) + gradients;
  }
  int64_t units() const {
    const int64_t at_once = learning_.table_is_head ? 2 : 1;  // the table, while a block is on its way back
    const auto gradients = level_ >= 2 ? lanes_ * at_once * kFloat : 0;
    const auto values = level_ >= 3 ? at_once * stored_bytes() : 0;
    return learning_.longest_unit * (gradients + values);
  }
  /// `copies` of the largest unit are the backend's own.
  int64_t exchange(int64_t copies) const {
    if (ranks_ == 1) return 0;
    return kFloat *
           ((sums_at_the_end() ? learning_.parameters : learning_.longest_unit) + copies * learning_.longest_unit);
  }
  int64_t sums(int64_t leaves) const {
    const auto buffers = sums_at_the_end() ? 1 : GradientSum::most_buffers(settings_.sum_order, leaves);
    return learning_.parameters * kFloat * buffers / ranks_;
  }
  int64_t answers(int64_t weights) const { return weights + (level_ < 3 ? 0 : learning_.parameters * stored_bytes()); }

 private:
  bool sums_at_the_end() const { return ranks_ > 1 && !settings_.deterministic && level_ < 2; }
  int64_t share(int64_t bytes, int64_t level) const { return level_ < level ? bytes : bytes / ranks_; }
  int64_t stored_bytes() const { return settings_.precision == Precision::bf16_store ? 2 : kFloat; }  // of a value

  const RunSettings& settings_;
  const LearningCount& learning_;
  int64_t ranks_, level_, lanes_;
};

}  // namespace

Json memory_plan(const LoadPlan& plan, const RunSettings& settings, const LearningCount& learning,
                 const LargestLeaf& leaf, int64_t ranks) {
  const auto& config = plan.checkpoint.config;
  const auto mask = mask_of(settings.learns);
  const bool language_learns = mask("language.layers.0.mlp.up_proj.weight") || settings.lora.rank > 0;
  NetworkOptions network;
  network.nf4_base = settings.nf4_base;
  if (!settings.deterministic) network.lanes = 0;
  const Shares shares(settings, learning, ranks, lane_count(network, config.language, learning.parameters));
  const auto ahead = std::min<int64_t>(2 * settings.batch, 4096) + settings.batch;
  const auto activations = activation_bytes(settings, config.language, leaf, language_learns);
  const bool here = !device_name(settings.device).cuda, lora = settings.lora.rank > 0;
  const auto on_host = [&](int64_t bytes) { return here ? bytes : 0; };
  auto json = Json::object(
      {{"weights", shares.weights(weight_bytes(plan))},
       {"parameters", on_host(shares.parameters())},
       {"units", on_host(shares.units())},
       {"exchange", on_host(shares.exchange(kGlooCopies))},
       {"sums", on_host(shares.sums(settings.batch / settings.micro_batch))},
       {"activations", on_host(activations)},
       {"working", on_host(working_bytes(config, leaf) + (lora ? activations / kLoraHoles : 0))},
       {"snapshot", settings.save_async && settings.save_every > 0 ? learning.parameters * 3 * kFloat : 0},
       {"answers", on_host(settings.answer_every > 0 ? shares.answers(weight_bytes(plan)) : 0)},
       {"samples", pixel_bytes(config.vision, std::min(ahead, ahead * leaf.pictures / settings.micro_batch + 1))},
       {"library", kLibraryBytes}});
  return with_total(std::move(json));
}

std::optional<Json> card_memory_plan(const LoadPlan& plan, const RunSettings& settings, const LearningCount& learning,
                                     const LargestLeaf& leaf, int64_t ranks) {
  if (!device_name(settings.device).cuda) return {};
  const auto& config = plan.checkpoint.config;
  const int64_t number = settings.precision == Precision::bf16_store ? 2 : kFloat;  // an activation or a frozen weight
  const bool language_learns =
      mask_of(settings.learns)("language.layers.0.mlp.up_proj.weight") || settings.lora.rank > 0;
  const Shares shares(settings, learning, ranks, /*lanes=*/1);
  const auto of_rows = [&](int64_t bytes) { return bytes / kFloat * number; };
  const auto all = weight_count(plan);
  const auto wide = kFloat * leaf.rows * kWideRows * config.language.width;
  return with_total(Json::object(
      {{"weights", (all - (learning.parameters - learning.added)) * number},
       {"parameters", shares.parameters()},
       {"units", shares.units()},
       {"exchange", shares.exchange(kNcclCopies)},
       {"sums", shares.sums(settings.batch / settings.micro_batch)},
       {"activations", of_rows(activation_bytes(settings, config.language, leaf, language_learns))},
       {"working", std::max(of_rows(working_bytes(config, leaf)) + wide, 3 * logit_bytes(config.language, leaf))},
       {"answers", settings.answer_every > 0 ? shares.answers(all * number) : 0},
       {"library", kCardLibraryBytes}}));
}

}  // namespace llava::core
