// One candidate after the other, by the plan's own sums.
#include "train/memory_advice.hpp"

#include <optional>
#include <vector>

#include "train/stages.hpp"

namespace llava::core {
namespace {

// Of a weight in four bits: half a byte, a byte for 64 of them, and a float for 256 of those (ops/nf4).
constexpr double kNf4Bytes = 0.5 + 1.0 / 64 + 4.0 / (64 * 256);

constexpr int64_t kMostZero = 3;

constexpr const char *kNothing = "nothing", *kDigits = "last digits", *kLearnt = "what is learnt";

class Advice {
 public:
  Advice(int64_t total, int64_t available) : total_(total), available_(available) {}

  bool fits(int64_t total) const { return total <= available_; }
  bool is_worse(int64_t total) const { return total > total_; }

  // What does not help is not told.
  void add(Json settings, int64_t total, const char* changes) {
    if (total >= total_) return;
    list_.push_back(Json::object(
        {{"settings", std::move(settings)}, {"total", total}, {"fits", fits(total)}, {"changes", changes}}));
  }

  Json take() { return std::move(list_); }

 private:
  int64_t total_, available_;
  Json list_ = Json::array();
};

// The largest smaller divisor of the batch with which the run fits; 1 where none does.
int64_t smaller_micro_batch(const RunSettings& settings, const Advice& advice,
                            const std::function<int64_t(const RunSettings&)>& total_of) {
  auto other = settings;
  for (other.micro_batch = settings.micro_batch / 2; other.micro_batch > 1; other.micro_batch /= 2)
    if (settings.batch % other.micro_batch == 0 && advice.fits(total_of(other))) return other.micro_batch;
  return 1;
}

// Tells every higher ZeRO level; returns the lowest of those that take least. Nothing where all take more than now: what
// is fetched needs room of its own, and where all that learns is one unit it is fetched whole.
std::optional<int64_t> zero_level(const RunSettings& settings, Advice& advice,
                                  const std::function<int64_t(const RunSettings&)>& total_of) {
  auto other = settings;
  std::optional<int64_t> level;
  int64_t least = 0;
  for (other.zero = settings.zero + 1; other.zero <= kMostZero; ++other.zero) {
    const auto total = total_of(other);
    if (level && total == least) continue;  // alone the last is the one before
    advice.add(Json::object({{"zero", other.zero}}), total, kNothing);
    if (!advice.is_worse(total) && (!level || total < least)) level = other.zero, least = total;
  }
  return level;
}

RunSettings with_lora(RunSettings settings) {
  const auto row = preset_settings("llava-1.5-lora", 2);
  settings.learns = row.learns;
  settings.lora = row.lora;
  return settings;
}

// The blocks' matrices as they are stored against what they take in four bits.
int64_t saved_by_nf4(const LoadPlan& plan) {
  int64_t stored = 0, weights = 0;
  for (const auto& tensor : plan.taken) {
    if (!tensor.view->name.ends_with(".weight") || tensor.view->shape.size() != 2) continue;
    if (tensor.view->name.find("layers.") == std::string::npos || tensor.view->name.find("vision") != std::string::npos)
      continue;
    stored += static_cast<int64_t>(tensor.view->size_bytes);
    weights += tensor.view->shape[0] * tensor.view->shape[1];
  }
  return stored - static_cast<int64_t>(static_cast<double>(weights) * kNf4Bytes);
}

}  // namespace

Json memory_advice(const LoadPlan& plan, const RunSettings& settings, int64_t total, int64_t available,
                   const std::function<int64_t(const RunSettings&)>& total_of) {
  Advice advice(total, available);
  auto together = settings;
  auto names = Json::object();
  const auto neutral = [&](const char* name, Json value, const char* changes, auto&& change) {
    auto other = settings;
    change(other);
    change(together);
    names.add(name, value);
    advice.add(Json::object({{name, std::move(value)}}), total_of(other), changes);
  };
  if (settings.recompute.cheap_rows > 0)
    neutral("recompute", "full", kNothing, [](auto& other) { other.recompute = {0, 0}; });
  if (settings.save_async) neutral("save_async", 0, kNothing, [](auto& other) { other.save_async = false; });
  if (settings.answer_every > 0) neutral("answer_every", 0, kNothing, [](auto& other) { other.answer_every = 0; });
  if (const auto level = zero_level(settings, advice, total_of)) {
    together.zero = *level;
    names.add("zero", *level);
  }
  if (settings.micro_batch > 1) {
    const auto smaller = smaller_micro_batch(settings, advice, total_of);
    neutral("micro_batch", smaller, kDigits, [&](auto& other) { other.micro_batch = smaller; });
    together.micro_batch = 1;
    names.set("micro_batch", 1);
  }
  auto in_a_chain = together;  // with more micro-batches it may save what the tree takes for them
  in_a_chain.sum_order = SumOrder::chain;
  const bool chain = total_of(in_a_chain) < total_of(together);
  if (chain) neutral("sum_order", "chain", kDigits, [](auto& other) { other.sum_order = SumOrder::chain; });
  const bool digits = settings.micro_batch > 1 || chain;
  if (names.size() > 1) advice.add(std::move(names), total_of(together), digits ? kDigits : kNothing);
  if (settings.lora.rank > 0 || !learns_words(settings, plan)) return advice.take();
  const auto lora = total_of(with_lora(settings));
  advice.add(Json::object({{"preset", "llava-1.5-lora"}}), lora, kLearnt);
  advice.add(Json::object({{"preset", "llava-1.5-qlora"}}), lora - saved_by_nf4(plan), kLearnt);
  return advice.take();
}

}  // namespace llava::core
