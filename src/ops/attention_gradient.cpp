// Attention that keeps its log-sums, and its gradient: ATen's flash kernels, one sequence at a time; the CPU's in f32, a
// card's in bf16 and f16; else the products of ops/attention_reference.
#include <ATen/TensorOperators.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>

#include <limits>

#include "ops/check.hpp"
#include "ops/gradient_reference.hpp"

namespace llava::core {
namespace {

// [L, G, K] -> [1, H, L, K], each group's keys for all its heads
at::Tensor as_heads(const at::Tensor& x_LGK, int64_t heads) {
  const int64_t length = x_LGK.size(0), groups = x_LGK.size(1), width = x_LGK.size(2);
  if (groups == heads) return x_LGK.transpose(0, 1).unsqueeze(0);
  return x_LGK.unsqueeze(2)
      .expand({length, groups, heads / groups, width})
      .reshape({length, heads, width})
      .transpose(0, 1)
      .unsqueeze(0);
}

// [1, H, L, K] -> [L, G, K]
at::Tensor as_rows(const at::Tensor& x_1HLK, int64_t groups) {
  const auto x_LHK = x_1HLK.squeeze(0).transpose(0, 1);
  const int64_t length = x_LHK.size(0), heads = x_LHK.size(1), width = x_LHK.size(2);
  if (groups == heads) return x_LHK.contiguous();
  return x_LHK.reshape({length, groups, heads / groups, width}).sum(2);
}

// Nothing where the causal triangle is all there is to hide.
std::optional<at::Tensor> window_mask(int64_t length, int64_t window) {
  if (window == 0 || length <= window) return {};
  const auto position = at::arange(length, at::kLong);
  const auto back = position.unsqueeze(1) - position.unsqueeze(0);
  const auto hidden = back.lt(0).logical_or(back.ge(window));
  return at::full({length, length}, 0.0, at::kFloat)
      .masked_fill_(hidden, -std::numeric_limits<float>::infinity())
      .view({1, 1, length, length});
}

// What the kernel of a card takes: no mask but the causal one, heads of a multiple of 8 up to 256.
bool takes_flash(const at::Tensor& q, bool windowed) {
  const bool half = q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf;
  return q.is_cuda() && half && !windowed && q.size(-1) % 8 == 0 && q.size(-1) <= 256;
}

struct FlashPass {
  at::Tensor out, log_sum, seed, offset;
};

// All [N, H, L, K].
FlashPass flash_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, bool causal) {
  const auto result = at::_scaled_dot_product_flash_attention(q, k, v, /*dropout_p=*/0.0, causal,
                                                              /*return_debug_mask=*/false, scale);
  return {std::get<0>(result), std::get<1>(result), std::get<6>(result), std::get<7>(result)};
}

HeadsAttentionGradient flash_gradient(const at::Tensor& dout, const at::Tensor& q, const at::Tensor& k,
                                      const at::Tensor& v, const FlashPass& pass, double scale, bool causal) {
  const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_backward(
      dout, q, k, v, pass.out, pass.log_sum, /*cum_seq_q=*/{}, /*cum_seq_k=*/{}, q.size(2), k.size(2),
      /*dropout_p=*/0.0, causal, pass.seed, pass.offset, scale);
  return {dq, dk, dv};
}

}  // namespace

AttentionPass attention_forward(const at::Tensor& q_LHK, const at::Tensor& k_LGK, const at::Tensor& v_LGK, double scale,
                                int64_t window, bool exact) {
  require(q_LHK.dim() == 3 && k_LGK.sizes() == v_LGK.sizes() && q_LHK.size(0) == k_LGK.size(0) &&
              q_LHK.size(1) % k_LGK.size(1) == 0,
          "attention_forward: q is [L, H, K], k and v [L, G, K]", q_LHK, k_LGK, v_LGK);
  const int64_t heads = q_LHK.size(1);
  if (!exact && takes_flash(q_LHK, window > 0 && q_LHK.size(0) > window)) {
    const auto pass =
        flash_forward(as_heads(q_LHK, heads), as_heads(k_LGK, heads), as_heads(v_LGK, heads), scale, true);
    return {q_LHK, k_LGK, v_LGK, as_rows(pass.out, heads), pass.log_sum, pass.seed, pass.offset, true};
  }
  if (takes_reference(q_LHK)) {
    const auto pass = attention_forward_reference(as_heads(q_LHK, heads), as_heads(k_LGK, heads),
                                                  as_heads(v_LGK, heads), scale, /*causal=*/true, window);
    return {q_LHK, k_LGK, v_LGK, as_rows(pass.out_NHLK, heads), pass.log_sum_NHL, {}, {}, false};
  }
  const auto mask = window_mask(q_LHK.size(0), window);
  const auto [out, log_sum] = at::_scaled_dot_product_flash_attention_for_cpu(
      as_heads(q_LHK, heads), as_heads(k_LGK, heads), as_heads(v_LGK, heads), /*dropout_p=*/0.0,
      /*is_causal=*/!mask, mask, scale);
  return {q_LHK, k_LGK, v_LGK, as_rows(out, heads), log_sum, {}, {}, false};
}

AttentionGradient attention_gradient(const AttentionPass& pass, const at::Tensor& dout_LHK, double scale,
                                     int64_t window) {
  const int64_t heads = pass.q_LHK.size(1), groups = pass.k_LGK.size(1);
  if (takes_reference(pass.q_LHK)) {
    const auto dout = as_heads(dout_LHK, heads), out = as_heads(pass.out_LHK, heads), q = as_heads(pass.q_LHK, heads),
               k = as_heads(pass.k_LGK, heads), v = as_heads(pass.v_LGK, heads);
    const auto part =
        pass.flash
            ? flash_gradient(dout, q, k, v, {out, pass.log_sum_1HL, pass.seed, pass.offset}, scale, /*causal=*/true)
            : attention_gradient_reference(dout, q, k, v, {out, pass.log_sum_1HL}, scale, /*causal=*/true, window);
    return {as_rows(part.dq_NHLK, heads), as_rows(part.dk_NHLK, groups), as_rows(part.dv_NHLK, groups)};
  }
  const auto mask = window_mask(pass.q_LHK.size(0), window);
  const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      as_heads(dout_LHK, heads), as_heads(pass.q_LHK, heads), as_heads(pass.k_LGK, heads), as_heads(pass.v_LGK, heads),
      as_heads(pass.out_LHK, heads), pass.log_sum_1HL, /*dropout_p=*/0.0,
      /*is_causal=*/!mask, mask, scale);
  return {as_rows(dq, heads), as_rows(dk, groups), as_rows(dv, groups)};
}

PicturesAttention pictures_attention_forward(const at::Tensor& q_NPHK, const at::Tensor& k_NPHK,
                                             const at::Tensor& v_NPHK, double scale, bool exact) {
  require(q_NPHK.dim() == 4 && q_NPHK.sizes() == k_NPHK.sizes() && k_NPHK.sizes() == v_NPHK.sizes(),
          "pictures_attention_forward: q, k and v are [N, P, H, K]", q_NPHK, k_NPHK, v_NPHK);
  const auto heads = [](const at::Tensor& x_NPHK) { return x_NPHK.transpose(1, 2); };
  if (!exact && takes_flash(q_NPHK, false)) {
    const auto pass = flash_forward(heads(q_NPHK), heads(k_NPHK), heads(v_NPHK), scale, /*causal=*/false);
    return {q_NPHK, k_NPHK, v_NPHK, heads(pass.out).contiguous(), pass.log_sum, pass.seed, pass.offset, true};
  }
  if (takes_reference(q_NPHK)) {
    const auto pass = attention_forward_reference(heads(q_NPHK), heads(k_NPHK), heads(v_NPHK), scale,
                                                  /*causal=*/false, /*window=*/0);
    return {q_NPHK, k_NPHK, v_NPHK, heads(pass.out_NHLK).contiguous(), pass.log_sum_NHL, {}, {}, false};
  }
  const auto [out, log_sum] = at::_scaled_dot_product_flash_attention_for_cpu(
      q_NPHK.transpose(1, 2), k_NPHK.transpose(1, 2), v_NPHK.transpose(1, 2), /*dropout_p=*/0.0,
      /*is_causal=*/false, /*attn_mask=*/{}, scale);
  return {q_NPHK, k_NPHK, v_NPHK, out.transpose(1, 2).contiguous(), log_sum, {}, {}, false};
}

PicturesAttentionGradient pictures_attention_gradient(const PicturesAttention& pass, const at::Tensor& dout_NPHK,
                                                      double scale) {
  const auto rows = [](const at::Tensor& x_NHPK) { return x_NHPK.transpose(1, 2).contiguous(); };
  if (takes_reference(pass.q_NPHK)) {
    const auto dout = dout_NPHK.transpose(1, 2), out = pass.out_NPHK.transpose(1, 2), q = pass.q_NPHK.transpose(1, 2),
               k = pass.k_NPHK.transpose(1, 2), v = pass.v_NPHK.transpose(1, 2);
    const auto part =
        pass.flash
            ? flash_gradient(dout, q, k, v, {out, pass.log_sum_NHP, pass.seed, pass.offset}, scale, /*causal=*/false)
            : attention_gradient_reference(dout, q, k, v, {out, pass.log_sum_NHP}, scale, /*causal=*/false, 0);
    return {rows(part.dq_NHLK), rows(part.dk_NHLK), rows(part.dv_NHLK)};
  }
  const auto [dq, dk, dv] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      dout_NPHK.transpose(1, 2), pass.q_NPHK.transpose(1, 2), pass.k_NPHK.transpose(1, 2), pass.v_NPHK.transpose(1, 2),
      pass.out_NPHK.transpose(1, 2), pass.log_sum_NHP, /*dropout_p=*/0.0, /*is_causal=*/false, /*attn_mask=*/{}, scale);
  return {rows(dq), rows(dk), rows(dv)};
}

}  // namespace llava::core
