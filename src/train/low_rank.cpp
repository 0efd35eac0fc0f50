// Two thin matrices, there and back.
#include "train/low_rank.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/rng.hpp"
#include "base/utf8.hpp"
#include "ops/gradients.hpp"
#include "ops/ops.hpp"

namespace llava::core {
namespace {

std::array<uint32_t, 2> words_of(uint64_t number) {
  return {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32)};
}

uint64_t draw_key(std::array<uint32_t, 4> place, uint64_t seed) {
  const auto words = philox4x32(place, words_of(seed));
  return static_cast<uint64_t>(words[1]) << 32 | words[0];
}

uint32_t target_index(std::string_view target) {
  return static_cast<uint32_t>(std::find(std::begin(kLoraTargets), std::end(kLoraTargets), target) -
                               std::begin(kLoraTargets));
}

// kaiming_uniform_(a = sqrt 5): within 1 / sqrt(in)
void fill_uniform(at::Tensor& matrix, const std::string& name, uint64_t seed) {
  const auto hash = hash_bytes(name);
  std::array<uint32_t, 4> place;
  std::memcpy(place.data(), hash.data(), sizeof place);
  const auto key = words_of(draw_key(place, seed));
  const double bound = 1 / std::sqrt(static_cast<double>(matrix.size(1)));
  auto* values = matrix.data_ptr<float>();
  std::array<uint32_t, 4> words{};
  for (int64_t i = 0; i < matrix.numel(); ++i) {
    if (i % 4 == 0) {
      const auto block = words_of(static_cast<uint64_t>(i / 4));
      words = philox4x32({block[0], block[1], 0, 0}, key);
    }
    values[i] = static_cast<float>(((words[static_cast<size_t>(i % 4)] + 0.5) * 0x1p-31 - 1) * bound);
  }
}

}  // namespace

double LoraRecipe::strength() const {
  const auto width = static_cast<double>(rank);
  return alpha / (root_rank ? std::sqrt(width) : width);
}

bool LoraRecipe::chooses(std::string_view target, int64_t layer) const {
  const bool here = layers.empty() || std::find(layers.begin(), layers.end(), layer) != layers.end();
  return rank > 0 && here && std::find(targets.begin(), targets.end(), target) != targets.end();
}

void check_lora(const LoraRecipe& recipe, int64_t blocks) {
  std::string found;
  const auto tell = [&](const std::string& what) { found += cat(found.empty() ? "" : "; ", what); };
  if (recipe.rank < 0) tell(cat("rank is ", recipe.rank, ", expected at least 1 (0 = none)"));
  if (!std::isfinite(recipe.alpha) || recipe.alpha == 0)
    tell(cat("alpha is ", recipe.alpha, ", expected a number other than 0"));
  if (!(recipe.dropout >= 0 && recipe.dropout < 1))
    tell(cat("dropout is ", recipe.dropout, ", expected at least 0 and less than 1"));
  for (const auto& target : recipe.targets)
    if (target_index(target) == std::size(kLoraTargets))
      tell(cat("target \"", printable(target),
               "\" is none of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
               "down_proj"));
  if (recipe.rank > 0 && recipe.targets.empty()) tell("there are no targets");
  for (const auto layer : recipe.layers)
    if (layer < 0 || layer >= blocks) tell(cat("layer ", layer, " is outside 0 .. ", blocks - 1));
  if (!found.empty()) throw Error(Status::argument, cat("LoRA: ", found));
}

at::Tensor LowRankLearner::dropped(const at::Tensor& x, const DropoutDraw& draw) const {
  if (dropout == 0 || draw.step < 0) return x;
  const auto word = [](int64_t number) { return static_cast<uint32_t>(number); };
  const auto key = draw_key({word(draw.step), word(draw.leaf), layer, target}, seed);
  return keyed_dropout(x, dropout, key, draw.first_row * x.size(-1));
}

void LowRankLearner::forward(at::Tensor& y, const at::Tensor& x, const DropoutDraw& draw) const {
  y.add_(linear(linear(dropped(x, draw), down->weight), up->weight), strength);
}

void LowRankLearner::backward(at::Tensor& dx, const at::Tensor& dy, const at::Tensor& x,
                              const DropoutDraw& draw) const {
  const auto input = dropped(x, draw);
  linear_weight_gradient(up->gradient, dy, linear(input, down->weight));  // made again: it is thin
  up->gradient.mul_(strength);
  const auto dthin = linear_input_gradient(dy, up->weight).mul_(strength);
  linear_weight_gradient(down->gradient, dthin, input);
  dx.add_(dropped(linear_input_gradient(dthin, down->weight), draw));  // the same mask
}

LowRankLearner low_rank(Learners& learners, const LoraRecipe& recipe, const std::string& name, int64_t out, int64_t in,
                        int64_t layer) {
  if (learners.masked(name + ".weight"))
    throw Error(Status::argument,
                cat(name, ".weight learns by the mask and has LoRA matrices beside it; expected one of the two"));
  LowRankLearner pair;
  const auto down = name + ".lora_A.weight", up = name + ".lora_B.weight";
  pair.down = learners.new_matrix(down, {recipe.rank, in},
                                  [down, seed = recipe.seed](at::Tensor& matrix) { fill_uniform(matrix, down, seed); });
  pair.up = learners.new_matrix(up, {out, recipe.rank}, [](at::Tensor& matrix) { matrix.zero_(); });
  pair.strength = recipe.strength();
  pair.dropout = recipe.dropout;
  pair.seed = recipe.seed;
  pair.layer = static_cast<uint32_t>(layer);
  pair.target = target_index(std::string_view(name).substr(name.rfind('.') + 1));
  return pair;
}

}  // namespace llava::core
