// Golden checkpoints of this folder: loading them and running what was expected of them.
#pragma once

#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/bundle.hpp"
#include "checkpoint/plan.hpp"
#include "support/doctest.hpp"
#include "support/golden.hpp"
#include "support/temporary_folder.hpp"

namespace checkpoints_test {

namespace core = llava::core;
using core::testing::distance;
using core::testing::Golden;

inline const std::string kGolden = LLAVA_TEST_DATA "/checkpoints/golden/";

/// Sets a variable for one test case.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    const char* before = std::getenv(name);
    had_ = before != nullptr;
    before_ = had_ ? before : "";
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (had_)
      ::setenv(name_, before_.c_str(), 1);
    else
      ::unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  bool had_ = false;
  std::string before_;
};

/// Logits [L', V] of the golden prompt with its two pictures.
inline at::Tensor logits_of(const core::Bundle& bundle, const Golden& golden) {
  const c10::InferenceMode no_gradients;
  const auto rows = core::encode_pixels(bundle, golden.tensor("pixels"), {});
  const auto embeds_LD = bundle.model->embed(golden.integers("ids"), rows);
  auto cache = bundle.model->language().new_cache();
  return bundle.model->language().logits(bundle.model->language().forward(embeds_LD, cache, {}));
}

/// The greedy continuation, one position at a time through the cache.
inline std::vector<int64_t> greedy_of(const core::Bundle& bundle, const Golden& golden) {
  const c10::InferenceMode no_gradients;
  const auto& language = bundle.model->language();
  const auto rows = core::encode_pixels(bundle, golden.tensor("pixels"), {});
  auto cache = language.new_cache();
  auto hidden = language.forward(bundle.model->embed(golden.integers("ids"), rows), cache, {});
  std::vector<int64_t> ids;
  for (size_t i = 0; i < golden.integers("greedy").size(); ++i) {
    ids.push_back(language.logits(hidden.slice(0, hidden.size(0) - 1)).argmax(-1).item<int64_t>());
    const std::vector<int64_t> last = {ids.back()};
    hidden = language.forward(bundle.model->embed(last, {}), cache, {});
  }
  return ids;
}

/// A copy of a golden folder that a test may change; links become files.
inline void copy_folder(const std::string& from, const std::string& to) {
  std::filesystem::create_directories(to);
  for (const auto& entry : std::filesystem::directory_iterator(from))
    std::filesystem::copy_file(entry.path(), to + "/" + entry.path().filename().string());
}

}  // namespace checkpoints_test
