// Computing the part of a prompt that the cache does not hold yet.
#include <c10/core/InferenceMode.h>

#include "base/error.hpp"
#include "generate/session_data.hpp"

namespace llava::core {

Prefill::Prefill(Session::Data& data, std::vector<Slot> slots) : data_(data), slots_(std::move(slots)) {
  const c10::InferenceMode no_gradients;
  if (slots_.empty()) throw Error(Status::argument, "the prompt is empty");
  check_unchanged(*data_.bundle);  // a stream may be pulled long after it began
  // the last slot is always computed: its hidden row gives the first token
  const bool same_model = data_.cached_variant == data_.bundle->variant;
  kept_ = same_model ? std::min(common_prefix(slots_, data_.cached), slots_.size() - 1) : 0;
  cached_rows_ = count_rows(slots_, 0, kept_);
  rows_LD_ = embed_slots(*data_.bundle->model, slots_, kept_, slots_.size());
  data_.keep_cached(kept_);
  data_.cached_variant = data_.bundle->variant;
}

void Prefill::step(const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  const auto& language = data_.bundle->model->language();
  // dynamic NTK takes its angles from the length of the whole prompt: one piece
  const bool whole = language.config().rope.scaling == RopeConfig::Scaling::dynamic;
  const int64_t left = rows_LD_.size(0) - begin_;
  const int64_t count = whole ? left : std::min(left, LanguageModel::kChunk);
  try {
    const auto hidden_LD = language.forward(rows_LD_.narrow(0, begin_, count), data_.cache, cancel);
    begin_ += count;
    data_.counters.tokens_computed += count;
    if (!done()) return;
    last_hidden_1D_ = hidden_LD.narrow(0, count - 1, 1).clone();
    data_.cached = std::move(slots_);
    data_.update_counters();
  } catch (...) {
    data_.keep_cached(kept_);
    throw;
  }
}

}  // namespace llava::core
