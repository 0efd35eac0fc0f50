// LoRA (Hu et al. 2021) as values of a recipe: beside a frozen affine map learn two thin matrices, y += alpha / rank *
// B(A(dropout(x))). Everything is PEFT's: where the matrices stand, what they start with, what they are called.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "train/learners.hpp"
#include "train/micro_batch.hpp"

namespace llava::core {

/// The affine maps of a decoder block: what LoraRecipe::targets chooses from, by the last part of their names.
inline constexpr std::string_view kLoraTargets[] = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                                    "gate_proj", "up_proj", "down_proj"};

struct LoraRecipe {
  int64_t rank = 0;  // 0 = no LoRA
  double alpha = 16;
  double dropout = 0;      // of the maps' inputs, on the way to A; 0 <= p < 1
  bool root_rank = false;  // alpha / sqrt(rank) instead of alpha / rank (rsLoRA, Kalajdzievski 2023)
  std::vector<std::string> targets = {std::begin(kLoraTargets), std::end(kLoraTargets)};
  std::vector<int64_t> layers;  // blocks of the language model; empty: all
  uint64_t seed = 42;           // of A's first values and of dropout

  double strength() const;  // what B A is multiplied with
  bool chooses(std::string_view target, int64_t layer) const;
};

/// Throws Error(argument) for values that make no LoRA of a model of so many blocks, all of them in one message.
void check_lora(const LoraRecipe& recipe, int64_t blocks);

/// The two matrices beside one affine map [out, in].
struct LowRankLearner {
  Learner* down = nullptr;  // A, [rank, in]
  Learner* up = nullptr;    // B, [out, rank]
  double strength = 1, dropout = 0;
  uint64_t seed = 0;
  uint32_t layer = 0, target = 0;  // where it stands: part of what dropout draws from

  explicit operator bool() const { return down != nullptr; }

  /// Adds to y.
  void forward(at::Tensor& y, const at::Tensor& x, const DropoutDraw& draw) const;

  /// Writes both gradients and adds to that of x.
  void backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x, const DropoutDraw& draw) const;

 private:
  at::Tensor dropped(const at::Tensor& x, const DropoutDraw& draw) const;
};

/// The matrices of the map `name`, learning: A uniform within 1 / sqrt(in), drawn from the seed and its name; B zero.
/// Error(argument) when the mask lets the map's own weight learn as well.
/// Source: PEFT 0.17, src/peft/tuners/lora/layer.py, reset_lora_parameters.
LowRankLearner low_rank(Learners& learners, const LoraRecipe& recipe, const std::string& name, int64_t out, int64_t in,
                        int64_t layer);

}  // namespace llava::core
