// Forwards and backwards through the decoder.
#include "train/decoder_pass.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.hpp"
#include "ops/ops.hpp"

namespace llava::core {

DecoderPass::DecoderPass(Learners& learners, const LanguageConfig& config) : config_(config) {
  const int64_t width = config.width, inner = config.intermediate;
  const int64_t query_width = config.heads * config.head_width, key_width = config.key_value_heads * config.head_width;
  table_ = learners.matrix("language.embed_tokens.weight", {config.vocabulary, width});
  for (int64_t i = 0; i < config.layers; ++i) {
    const auto name = cat("language.layers.", i, '.');
    const auto affine = [&](const char* part, int64_t out, int64_t in, bool bias) {
      return learning_affine(learners, name + part, out, in, bias);
    };
    Block block{};
    block.before_attention = learners.vector(name + "input_layernorm.weight", width);
    block.query = affine("self_attn.q_proj", query_width, width, config.attention_bias);
    block.key = affine("self_attn.k_proj", key_width, width, config.attention_bias);
    block.value = affine("self_attn.v_proj", key_width, width, config.attention_bias);
    block.out = affine("self_attn.o_proj", width, query_width, config.attention_bias);
    block.before_mlp = learners.vector(name + "post_attention_layernorm.weight", width);
    block.gate = affine("mlp.gate_proj", inner, width, config.mlp_bias);
    block.up = affine("mlp.up_proj", inner, width, config.mlp_bias);
    block.down = affine("mlp.down_proj", width, inner, config.mlp_bias);
    blocks_.push_back(block);
  }
  norm_ = learners.vector("language.norm.weight", width);
  head_ = config.tied_head ? table_ : learners.matrix("lm_head.weight", {config.vocabulary, width});
}

bool DecoderPass::Block::learns() const {
  for (const auto* norm : {before_attention, before_mlp})
    if (norm->learns()) return true;
  for (const auto* affine : {&query, &key, &value, &out, &gate, &up, &down})
    if (affine->weight->learns() || (affine->bias && affine->bias->learns())) return true;
  return false;
}

at::Tensor DecoderPass::attend(const Block& block, const at::Tensor& normed, const MicroBatch& batch,
                               Kept& kept) const {
  const int64_t rows = normed.size(0);
  auto q_THK = block.query.forward(normed).view({rows, config_.heads, config_.head_width});
  auto k_TGK = block.key.forward(normed).view({rows, config_.key_value_heads, config_.head_width});
  const auto v_TGK = block.value.forward(normed).view(k_TGK.sizes());
  rope_(q_THK, k_TGK, angles_.cos_LK, angles_.sin_LK);
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.head_width));
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i + 1 < batch.starts.size(); ++i) {
    const int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
    if (count == 0) continue;
    kept.sequences.push_back(attention_forward(q_THK.narrow(0, begin, count), k_TGK.narrow(0, begin, count),
                                               v_TGK.narrow(0, begin, count), scale, config_.window));
    parts.push_back(kept.sequences.back().out_LHK);
  }
  kept.attended = at::cat(parts, 0).view({rows, config_.heads * config_.head_width});
  return block.out.forward(kept.attended);
}

// The gradient of the normed rows that attend() was given.
at::Tensor DecoderPass::attend_backward(const Block& block, const at::Tensor& dy_TD, const MicroBatch& batch,
                                        Kept& kept) const {
  const int64_t rows = dy_TD.size(0);
  const auto dout_THK = block.out.backward(dy_TD, kept.attended).view({rows, config_.heads, config_.head_width});
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.head_width));
  std::vector<at::Tensor> dq, dk, dv;
  size_t index = 0;
  for (size_t i = 0; i + 1 < batch.starts.size(); ++i) {
    const int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
    if (count == 0) continue;
    auto part = attention_gradient(kept.sequences[index++], dout_THK.narrow(0, begin, count), scale, config_.window);
    dq.push_back(part.dq_LHK), dk.push_back(part.dk_LGK), dv.push_back(part.dv_LGK);
  }
  auto dq_THK = at::cat(dq, 0), dk_TGK = at::cat(dk, 0);
  rope_gradient_(dq_THK, dk_TGK, angles_.cos_LK, angles_.sin_LK);
  const auto normed = rms_norm(kept.x_TD, block.before_attention->value, config_.rms_norm_eps);
  auto dnormed = block.query.backward(dq_THK.view({rows, -1}), normed);
  dnormed = block.key.backward(dk_TGK.view({rows, -1}), normed, dnormed);
  return block.value.backward(at::cat(dv, 0).view({rows, -1}), normed, dnormed);
}

at::Tensor DecoderPass::forward_block(const Block& block, const at::Tensor& x_TD, const MicroBatch& batch,
                                      Kept& kept) const {
  kept.x_TD = x_TD;
  kept.y_TD =
      attend(block, rms_norm(x_TD, block.before_attention->value, config_.rms_norm_eps), batch, kept).add_(x_TD);
  const auto normed = rms_norm(kept.y_TD, block.before_mlp->value, config_.rms_norm_eps);
  kept.gate = block.gate.forward(normed);
  kept.up = block.up.forward(normed);
  return block.down.forward(silu_mul(kept.gate.clone(), kept.up)).add_(kept.y_TD);
}

at::Tensor DecoderPass::backward_block(const Block& block, at::Tensor dz_TD, const MicroBatch& batch,
                                       Kept& kept) const {
  const auto product =
      block.down.weight->learns() ? silu_mul(kept.gate.clone(), kept.up) : at::Tensor();  // cheaper than to keep it
  const auto dproduct = block.down.backward(dz_TD, product);
  silu_mul_gradient_(kept.gate, kept.up, dproduct);
  const auto normed = rms_norm(kept.y_TD, block.before_mlp->value, config_.rms_norm_eps);
  auto dnormed = block.gate.backward(kept.gate, normed);
  dnormed = block.up.backward(kept.up, normed, dnormed);
  auto dx_TD = std::move(dz_TD);  // both residuals hand it on
  add_rms_norm_gradient(dx_TD, block.before_mlp->gradient, dnormed, kept.y_TD, block.before_mlp->value,
                        config_.rms_norm_eps);
  dnormed = attend_backward(block, dx_TD, batch, kept);
  add_rms_norm_gradient(dx_TD, block.before_attention->gradient, dnormed, kept.x_TD, block.before_attention->value,
                        config_.rms_norm_eps);
  return dx_TD;
}

at::Tensor DecoderPass::forward(const at::Tensor& x_TD, const MicroBatch& batch, const Cancel& cancel) {
  const auto table = rope_table(config_, 0, batch.longest(), at::kCPU);
  angles_ = {table.cos_LK.index_select(0, batch.positions_T), table.sin_LK.index_select(0, batch.positions_T)};
  kept_.assign(blocks_.size(), {});
  auto x = x_TD;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    cancel.poll("training");
    x = forward_block(blocks_[i], x, batch, kept_[i]);
  }
  return x;
}

CrossEntropy DecoderPass::loss(const at::Tensor& x_TD, const MicroBatch& batch, double weight) {
  const auto rows = x_TD.index_select(0, batch.target_rows);
  const auto normed = rms_norm(rows, norm_->value, config_.rms_norm_eps);
  const auto weights = at::full({batch.labels()}, weight, at::kFloat);
  auto result = cross_entropy(normed, head_->weight, batch.targets, weights, head_->gradient);
  auto drows = at::zeros_like(rows);
  add_rms_norm_gradient(drows, norm_->gradient, result.dhidden_RD, rows, norm_->value, config_.rms_norm_eps);
  auto dx_TD = at::zeros_like(x_TD);
  dx_TD.index_copy_(0, batch.target_rows, drows);
  result.dhidden_RD = dx_TD;
  return result;
}

at::Tensor DecoderPass::backward(at::Tensor dx_TD, const MicroBatch& batch, bool to_input, const Cancel& cancel) {
  size_t lowest = 0;
  if (!to_input)
    while (lowest < blocks_.size() && !blocks_[lowest].learns()) ++lowest;
  for (size_t i = blocks_.size(); i-- > lowest;) {
    cancel.poll("training");
    dx_TD = backward_block(blocks_[i], std::move(dx_TD), batch, kept_[i]);
    kept_[i] = {};
  }
  kept_.clear();
  return to_input ? dx_TD : at::Tensor();
}

}  // namespace llava::core
