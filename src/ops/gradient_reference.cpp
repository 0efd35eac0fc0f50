// Plain ATen, in the order of the header.
#include "ops/gradient_reference.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_put.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <atomic>
#include <cmath>

#include "ops/ops.hpp"

namespace llava::core {
namespace {

constexpr int64_t kUpdateBlock = 1 << 24;  // numbers whose intermediate results exist at a time
constexpr int64_t kNormBlocks = 1024;      // blocks that are summed at a time, always so many

std::atomic<bool> forced{false};

at::Tensor wide(const at::Tensor& x) { return x.to(at::kFloat); }

}  // namespace

bool takes_reference(const at::Tensor& x) {
  return !x.is_cpu() || x.scalar_type() != at::kFloat || forced.load(std::memory_order_relaxed);
}

ForcedReference::ForcedReference() noexcept : before_(forced.exchange(true)) {}

ForcedReference::~ForcedReference() { forced.store(before_); }

void bias_gradient_reference(at::Tensor& dbias, const at::Tensor& dy) {
  dbias.copy_(dy.reshape({-1, dy.size(-1)}).sum(0, /*keepdim=*/false, at::kFloat));
}

void add_rms_norm_gradient_reference(at::Tensor& dx, at::Tensor& dweight, const at::Tensor& dy, const at::Tensor& x,
                                     const at::Tensor& weight_D, double eps) {
  const auto x32 = wide(x), dy32 = wide(dy);
  const auto r = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + eps);
  const auto normal = x32 * r;
  if (dweight.defined()) dweight.copy_((dy32 * normal).reshape({-1, x.size(-1)}).sum(0));
  const auto weighted = dy32 * wide(weight_D);
  dx.add_((weighted - normal * (weighted * normal).mean(-1, /*keepdim=*/true)).mul_(r));
}

void add_layer_norm_gradient_reference(at::Tensor& dx, at::Tensor& dweight, at::Tensor& dbias, const at::Tensor& dy,
                                       const at::Tensor& x, const at::Tensor& weight_D, double eps) {
  const auto x32 = wide(x), dy32 = wide(dy);
  const auto centred = x32 - x32.mean(-1, /*keepdim=*/true);
  const auto r = at::rsqrt(centred.square().mean(-1, /*keepdim=*/true) + eps);
  const auto normal = centred * r;
  if (dweight.defined()) dweight.copy_((dy32 * normal).reshape({-1, x.size(-1)}).sum(0));
  if (dbias.defined()) dbias.copy_(dy32.reshape({-1, x.size(-1)}).sum(0));
  const auto weighted = dy32 * wide(weight_D);
  const auto level = weighted.mean(-1, /*keepdim=*/true), slope = (weighted * normal).mean(-1, /*keepdim=*/true);
  dx.add_((weighted - level - normal * slope).mul_(r));
}

void silu_mul_gradient_reference_(at::Tensor& gate, at::Tensor& up, const at::Tensor& dy) {
  const auto gate32 = wide(gate), dy32 = wide(dy);
  const auto s = at::sigmoid(gate32);
  const auto through = dy32 * gate32 * s;
  gate.copy_(dy32 * wide(up) * s * (gate32 * (1 - s) + 1));
  up.copy_(through);
}

// index_put, not index_add: on a card it sorts the ids first, so that the order of the sums does not depend on chance.
void add_embedding_gradient_reference(at::Tensor& dtable_VD, const at::Tensor& ids_L, const at::Tensor& drows_LD) {
  dtable_VD.index_put_({ids_L}, drows_LD.to(dtable_VD.scalar_type()), /*accumulate=*/true);
}

namespace {

constexpr int64_t kLow = 0xffffffff;

struct Product {
  at::Tensor high, low;
};

// 32 by 32 bits, in int64 without an overflow: `x` in two halves.
Product times(const at::Tensor& x, int64_t factor) {
  const auto upper = x.bitwise_right_shift(16).mul(factor), lower = x.bitwise_and(0xffff).mul(factor);
  return {upper.add(lower.bitwise_right_shift(16)).bitwise_right_shift(16),
          upper.bitwise_and(0xffff).bitwise_left_shift(16).add(lower).bitwise_and(kLow)};
}

// philox4x32 (base/rng) of the counters first .. first + count - 1: int64 [count * 4]
at::Tensor philox_words(int64_t first, int64_t count, uint64_t key, const at::Device& device) {
  const auto number = at::arange(first, first + count, at::TensorOptions(at::kLong).device(device));
  at::Tensor c0 = number.bitwise_and(kLow), c1 = number.bitwise_right_shift(32).bitwise_and(kLow);
  at::Tensor c2 = number.bitwise_and(0), c3 = c2;
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const auto one = times(c0, 0xD2511F53), two = times(c2, 0xCD9E8D57);
    c0 = two.high.bitwise_xor(c1).bitwise_xor(static_cast<int64_t>(k0));
    c1 = two.low;
    c2 = one.high.bitwise_xor(c3).bitwise_xor(static_cast<int64_t>(k1));
    c3 = one.low;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return at::stack({c0, c1, c2, c3}, 1).view({-1});
}

}  // namespace

at::Tensor keyed_dropout_reference(const at::Tensor& x, double probability, uint64_t key, int64_t first) {
  const int64_t count = x.numel(), before = first / 4, blocks = (first + count + 3) / 4 - before;
  const auto words = philox_words(before, blocks, key, x.device()).narrow(0, first - before * 4, count);
  const auto kept = words.ge(static_cast<int64_t>(probability * 0x1p32)).view(x.sizes());
  const auto factor = static_cast<double>(static_cast<float>(1 / (1 - probability)));
  return x.contiguous().mul(factor).mul_(kept);
}

CrossEntropy cross_entropy_reference(const at::Tensor& hidden_RD, const Weight& head_VD, const at::Tensor& targets_R,
                                     const at::Tensor& weights_R, at::Tensor& dhead_VD) {
  const int64_t rows = hidden_RD.size(0);
  const auto type = hidden_RD.scalar_type();
  auto loss = at::zeros({}, hidden_RD.options().dtype(at::kDouble));
  auto dhidden_RD = at::empty({rows, hidden_RD.size(1)}, hidden_RD.options());
  if (dhead_VD.defined()) dhead_VD.zero_();
  for (int64_t first = 0; first < rows; first += kLossRows) {
    const int64_t count = std::min(kLossRows, rows - first);
    const auto hidden = hidden_RD.narrow(0, first, count);
    const auto targets = targets_R.narrow(0, first, count).unsqueeze(1);
    const auto weights = weights_R.narrow(0, first, count).unsqueeze(1);
    auto logits = wide(linear(hidden, head_VD));
    const auto log_sum = at::logsumexp(logits, 1, /*keepdim=*/true);
    loss.add_(((log_sum - logits.gather(1, targets)) * weights).sum(at::kDouble));
    logits.sub_(log_sum).exp_().mul_(weights).scatter_add_(1, targets, weights.neg());
    const auto dlogits = logits.to(type);
    dhidden_RD.narrow(0, first, count).copy_(linear_input_gradient(dlogits, head_VD));
    if (dhead_VD.defined()) dhead_VD.add_(at::mm(dlogits.t(), hidden));
  }
  return {LaterNumber(std::move(loss)), dhidden_RD};
}

void adamw_reference_(at::Tensor& values, const at::Tensor& gradient, at::Tensor& first_moment,
                      at::Tensor& second_moment, int64_t step, const AdamW& how) {
  const auto steps = static_cast<double>(step);
  const double first_bias = 1 - std::pow(how.beta1, steps), second_bias = 1 - std::pow(how.beta2, steps);
  for (int64_t begin = 0; begin < values.numel(); begin += kUpdateBlock) {
    const auto part = [&](const at::Tensor& flat) {
      return flat.narrow(0, begin, std::min(kUpdateBlock, values.numel() - begin));
    };
    auto value = part(values), first = part(first_moment), second = part(second_moment);
    const auto slope = part(gradient);
    value.mul_(1 - how.lr * how.weight_decay);
    first.lerp_(slope, 1 - how.beta1);
    second.mul_(how.beta2).addcmul_(slope, slope, 1 - how.beta2);
    value.addcdiv_(first, second.sqrt().div_(std::sqrt(second_bias)).add_(how.eps), -how.lr / first_bias);
  }
}

// Always [kNormBlocks, kNormBlock] at a time, the last filled up with zeros: a card's sum over a row may depend on the
// shape it is part of, and so would not be the same for any split.
at::Tensor block_sums_of_squares_reference(const at::Tensor& values) {
  const auto flat = values.reshape({-1});
  const int64_t count = flat.numel(), blocks = (count + kNormBlock - 1) / kNormBlock;
  const int64_t whole = kNormBlocks * kNormBlock;
  auto sums = at::empty({blocks}, flat.options().dtype(at::kDouble));
  for (int64_t begin = 0; begin < count; begin += whole) {
    const int64_t size = std::min(whole, count - begin), first = begin / kNormBlock;
    auto part = flat.narrow(0, begin, size);
    if (size < whole) {
      const auto rest = part;
      part = at::zeros({whole}, flat.options());
      part.narrow(0, 0, size).copy_(rest);
    }
    const auto squares = part.view({kNormBlocks, kNormBlock}).to(at::kDouble).square_().sum(1);
    const int64_t known = std::min(kNormBlocks, blocks - first);
    sums.narrow(0, first, known).copy_(squares.narrow(0, 0, known));
  }
  return sums;
}

}  // namespace llava::core
