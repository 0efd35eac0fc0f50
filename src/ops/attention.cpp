// Scaled dot-product attention (Vaswani et al. 2017) with grouped keys (Ainslie et al. 2023).
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <limits>

#include "ops/check.hpp"
#include "ops/cpu/attention.hpp"
#include "ops/reference.hpp"

namespace llava::core {
namespace {

constexpr int64_t kQueryBlock = 128;  // bounds the score matrix of the reference: [H, 128, S]

// [n, L, S] true where query first + i may see key j
at::Tensor visible(int64_t first, int64_t queries, int64_t keys, int64_t window, const at::Device& device) {
  const auto at_i = at::arange(first, first + queries, at::TensorOptions(at::kLong).device(device)).unsqueeze(1);
  const auto at_j = at::arange(keys, at::TensorOptions(at::kLong).device(device)).unsqueeze(0);
  const auto come = at_j <= at_i;
  return window > 0 ? come.logical_and(at_j > at_i - window) : come;
}

// q_NHLK, k_NHSK, v_NHSK -> [N, H, L, K], all f32
at::Tensor attend_block(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t first, bool causal,
                        double scale, int64_t window) {
  auto scores = at::matmul(q * scale, k.transpose(-1, -2));
  if (causal) {
    const auto hidden = visible(first, q.size(2), k.size(2), window, q.device()).logical_not();
    scores = scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
  }
  return at::matmul(at::softmax(scores, -1), v);
}

at::Tensor attention_cuda(const at::Tensor& q_NLHK, const at::Tensor& k_NSGK, const at::Tensor& v_NSGK, int64_t past,
                          bool causal, double scale, int64_t window) {
  const int64_t queries = q_NLHK.size(1), keys = k_NSGK.size(1);
  const bool bounded = window > 0 && keys > window;
  const bool sees_all = !causal || (queries == 1 && keys == past + 1 && !bounded);
  const bool square = causal && past == 0 && keys == queries && !bounded;  // what `is_causal` means there
  std::optional<at::Tensor> mask;
  if (!sees_all && !square) mask = visible(past, queries, keys, window, q_NLHK.device());
  return at::scaled_dot_product_attention(q_NLHK.transpose(1, 2), k_NSGK.transpose(1, 2).to(q_NLHK.scalar_type()),
                                          v_NSGK.transpose(1, 2).to(q_NLHK.scalar_type()), mask, /*dropout_p=*/0.0,
                                          !sees_all && square, scale, /*enable_gqa=*/q_NLHK.size(2) != k_NSGK.size(2))
      .transpose(1, 2)
      .contiguous();
}

void require_shapes(const at::Tensor& q_NLHK, const at::Tensor& k_NSGK, const at::Tensor& v_NSGK) {
  require(q_NLHK.dim() == 4 && k_NSGK.dim() == 4 && k_NSGK.sizes() == v_NSGK.sizes() &&
              q_NLHK.size(0) == k_NSGK.size(0) && q_NLHK.size(3) == k_NSGK.size(3) && k_NSGK.size(2) > 0 &&
              q_NLHK.size(2) % k_NSGK.size(2) == 0,
          "attention: q is [L, H, K], k and v [S, G, K], H a multiple of G", q_NLHK, k_NSGK, v_NSGK);
  require(k_NSGK.scalar_type() == v_NSGK.scalar_type(), "attention: k and v have one dtype", k_NSGK, v_NSGK);
}

at::Tensor attend(const at::Tensor& q_NLHK, const at::Tensor& k_NSGK, const at::Tensor& v_NSGK, int64_t past,
                  bool causal, double scale, int64_t window) {
  require_shapes(q_NLHK, k_NSGK, v_NSGK);
  require(!causal || (past >= 0 && k_NSGK.size(1) >= past + q_NLHK.size(1)), "attention: S >= past + L", q_NLHK,
          k_NSGK);
  require(k_NSGK.size(1) > 0 || q_NLHK.numel() == 0, "attention: there is a key to look at", q_NLHK, k_NSGK);
  if (q_NLHK.numel() == 0) return at::empty_like(q_NLHK, at::MemoryFormat::Contiguous);
  if (causal && window > 0 && past >= window) {  // keys that no query sees
    const int64_t begin = past - window + 1, rest = k_NSGK.size(1) - begin;
    return attend(q_NLHK, k_NSGK.narrow(1, begin, rest), v_NSGK.narrow(1, begin, rest), window - 1, true, scale,
                  window);
  }
  if (q_NLHK.is_cuda()) return attention_cuda(q_NLHK, k_NSGK, v_NSGK, past, causal, scale, window);
  const bool plain = takes_cpu_kernel(q_NLHK, k_NSGK, v_NSGK);
  if (const auto* kernels = plain ? cpu::kernels() : nullptr)
    return cpu::attention(*kernels, q_NLHK, k_NSGK, v_NSGK, past, causal, scale, window);
  return attention_reference(q_NLHK, k_NSGK, v_NSGK, past, causal, scale, window);
}

}  // namespace

at::Tensor attention_reference(const at::Tensor& q_NLHK, const at::Tensor& k_NSGK, const at::Tensor& v_NSGK,
                               int64_t past, bool causal, double scale, int64_t window) {
  const int64_t copies = q_NLHK.size(2) / k_NSGK.size(2);
  const auto q = q_NLHK.transpose(1, 2).to(at::kFloat);
  const auto k = k_NSGK.transpose(1, 2).to(at::kFloat).repeat_interleave(copies, 1);
  const auto v = v_NSGK.transpose(1, 2).to(at::kFloat).repeat_interleave(copies, 1);
  std::vector<at::Tensor> blocks;
  for (int64_t first = 0; first < q.size(2); first += kQueryBlock)
    blocks.push_back(attend_block(q.slice(2, first, first + kQueryBlock), k, v, past + first, causal, scale, window));
  return at::cat(blocks, 2).transpose(1, 2).to(q_NLHK.scalar_type()).contiguous();
}

at::Tensor attention(const at::Tensor& q_LHK, const at::Tensor& k_SGK, const at::Tensor& v_SGK, int64_t past,
                     bool causal, double scale, int64_t window) {
  return attend(q_LHK.unsqueeze(0), k_SGK.unsqueeze(0), v_SGK.unsqueeze(0), past, causal, scale, window).squeeze(0);
}

at::Tensor attention_batched(const at::Tensor& q_NPHK, const at::Tensor& k_NPGK, const at::Tensor& v_NPGK,
                             double scale) {
  return attend(q_NPHK, k_NPGK, v_NPGK, /*past=*/0, /*causal=*/false, scale, /*window=*/0);
}

}  // namespace llava::core
