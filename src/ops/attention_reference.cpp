// Attention that keeps its log-sums, and its gradient, as matrix products over blocks of queries: the formulas of
// FlashAttention (Dao et al. 2022, appendix B), with a block's whole row of keys in memory.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "ops/gradient_reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kQueryBlock = 512;  // bounds the scores: [N, H, 512, S] f32

// Queries first .. first + count of a whole, and the keys they may see.
struct Block {
  int64_t first, count, keys;
};

std::vector<Block> blocks_of(int64_t length, bool causal) {
  std::vector<Block> blocks;
  for (int64_t first = 0; first < length; first += kQueryBlock) {
    const int64_t count = std::min(kQueryBlock, length - first);
    blocks.push_back({first, count, causal ? first + count : length});
  }
  return blocks;
}

// scale * q k', with -infinity where a query sees no key
at::Tensor scores_of(const Block& block, const at::Tensor& q, const at::Tensor& k, double scale, bool causal,
                     int64_t window) {
  auto scores = at::matmul(q * scale, k.transpose(-1, -2));
  if (!causal) return scores;
  const auto whole = at::TensorOptions(at::kLong).device(q.device());
  const auto back = at::arange(block.first, block.first + block.count, whole).unsqueeze(1) -
                    at::arange(block.keys, whole).unsqueeze(0);
  const auto hidden = window > 0 ? back.lt(0).logical_or(back.ge(window)) : back.lt(0);
  return scores.masked_fill_(hidden, -std::numeric_limits<float>::infinity());
}

at::Tensor queries_of(const Block& block, const at::Tensor& x_NHLK) {
  return x_NHLK.narrow(2, block.first, block.count).to(at::kFloat);
}

}  // namespace

HeadsAttention attention_forward_reference(const at::Tensor& q_NHLK, const at::Tensor& k_NHLK, const at::Tensor& v_NHLK,
                                           double scale, bool causal, int64_t window) {
  const auto k = k_NHLK.to(at::kFloat), v = v_NHLK.to(at::kFloat);
  std::vector<at::Tensor> outs, sums;
  for (const auto& block : blocks_of(q_NHLK.size(2), causal)) {
    auto scores = scores_of(block, queries_of(block, q_NHLK), k.narrow(2, 0, block.keys), scale, causal, window);
    sums.push_back(at::logsumexp(scores, -1));
    const auto shares = scores.sub_(sums.back().unsqueeze(-1)).exp_();
    outs.push_back(at::matmul(shares, v.narrow(2, 0, block.keys)).to(q_NHLK.scalar_type()));
  }
  return {at::cat(outs, 2), at::cat(sums, 2)};
}

HeadsAttentionGradient attention_gradient_reference(const at::Tensor& dout_NHLK, const at::Tensor& q_NHLK,
                                                    const at::Tensor& k_NHLK, const at::Tensor& v_NHLK,
                                                    const HeadsAttention& pass, double scale, bool causal,
                                                    int64_t window) {
  const auto k = k_NHLK.to(at::kFloat), v = v_NHLK.to(at::kFloat);
  auto dk = at::zeros_like(k), dv = at::zeros_like(v);
  std::vector<at::Tensor> dqs;
  for (const auto& block : blocks_of(q_NHLK.size(2), causal)) {
    const auto seen = [&](const at::Tensor& x) { return x.narrow(2, 0, block.keys); };
    const auto q = queries_of(block, q_NHLK), dout = queries_of(block, dout_NHLK);
    auto shares = scores_of(block, q, seen(k), scale, causal, window);
    shares.sub_(pass.log_sum_NHL.narrow(2, block.first, block.count).unsqueeze(-1)).exp_();
    seen(dv).add_(at::matmul(shares.transpose(-1, -2), dout));
    const auto level = (dout * queries_of(block, pass.out_NHLK)).sum(-1, /*keepdim=*/true);
    const auto dscores = at::matmul(dout, seen(v).transpose(-1, -2)).sub_(level).mul_(shares);
    dqs.push_back(at::matmul(dscores, seen(k)).mul_(scale).to(q_NHLK.scalar_type()));
    seen(dk).add_(at::matmul(dscores.transpose(-1, -2), q), scale);
  }
  return {at::cat(dqs, 2), dk.to(k_NHLK.scalar_type()), dv.to(v_NHLK.scalar_type())};
}

}  // namespace llava::core
