// Forwards and backwards through the decoder.
#include "train/decoder_pass.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.hpp"
#include "ops/ops.hpp"

namespace llava::core {

DecoderPass::DecoderPass(Learners& learners, const LanguageConfig& config, const LoraRecipe& lora)
    : config_(config), exact_(learners.place().exact) {
  check_lora(lora, config.layers);
  const int64_t width = config.width, inner = config.intermediate;
  const int64_t query_width = config.heads * config.head_width, key_width = config.key_value_heads * config.head_width;
  table_unit_ = learners.open_unit();
  table_ = learners.matrix("language.embed_tokens.weight", {config.vocabulary, width});
  for (int64_t i = 0; i < config.layers; ++i) {
    const auto name = cat("language.layers.", i, '.');
    learners.open_unit();
    const auto affine = [&](const char* group, const char* target, int64_t out, int64_t in, bool bias) {
      const auto place = cat(name, group, '.', target);
      auto made = learning_affine(learners, place, out, in, bias);
      if (lora.chooses(target, i)) made.beside = low_rank(learners, lora, place, out, in, i);
      return made;
    };
    Block block{};
    block.before_attention = learners.vector(name + "input_layernorm.weight", width);
    block.query = affine("self_attn", "q_proj", query_width, width, config.attention_bias);
    block.key = affine("self_attn", "k_proj", key_width, width, config.attention_bias);
    block.value = affine("self_attn", "v_proj", key_width, width, config.attention_bias);
    block.out = affine("self_attn", "o_proj", width, query_width, config.attention_bias);
    block.before_mlp = learners.vector(name + "post_attention_layernorm.weight", width);
    block.gate = affine("mlp", "gate_proj", inner, width, config.mlp_bias);
    block.up = affine("mlp", "up_proj", inner, width, config.mlp_bias);
    block.down = affine("mlp", "down_proj", width, inner, config.mlp_bias);
    blocks_.push_back(block);
  }
  learners.open_unit();
  norm_ = learners.vector("language.norm.weight", width);
  head_ = config.tied_head ? table_ : learners.matrix("lm_head.weight", {config.vocabulary, width});
}

bool DecoderPass::Block::learns() const {
  for (const auto* norm : {before_attention, before_mlp})
    if (norm->learns()) return true;
  for (const auto* affine : {&query, &key, &value, &out, &gate, &up, &down})
    if (affine->learns()) return true;
  return false;
}

void DecoderPass::reach(bool input) {
  lowest_ = 0;
  if (!input)
    while (lowest_ < blocks_.size() && !blocks_[lowest_].learns()) ++lowest_;
}

void DecoderPass::pack_frozen(const Cancel& cancel) {
  for (auto& block : blocks_)
    for (auto* affine : {&block.query, &block.key, &block.value, &block.out, &block.gate, &block.up, &block.down}) {
      cancel.poll("training");
      affine->pack();
    }
}

at::Tensor DecoderPass::norm(const at::Tensor& x_TD, const Learner& weight) const {
  return rms_norm(x_TD, weight.used, config_.rms_norm_eps);
}

at::Tensor DecoderPass::attend(const Block& block, const at::Tensor& normed, const MicroBatch& batch, const Way& way,
                               Kept& kept) const {
  const int64_t rows = normed.size(0);
  auto q_THK = block.query.forward(normed, way.draw).view({rows, config_.heads, config_.head_width});
  auto k_TGK = block.key.forward(normed, way.draw).view({rows, config_.key_value_heads, config_.head_width});
  const auto v_TGK = block.value.forward(normed, way.draw).view(k_TGK.sizes());
  rope_(q_THK, k_TGK, angles_.cos_LK, angles_.sin_LK);
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.head_width));
  kept.attended = at::empty({rows, config_.heads * config_.head_width}, normed.options());
  for (size_t i = 0; i + 1 < batch.starts.size(); ++i) {
    const int64_t begin = batch.starts[i], count = batch.starts[i + 1] - begin;
    if (count == 0) continue;
    auto pass = attention_forward(q_THK.narrow(0, begin, count), k_TGK.narrow(0, begin, count),
                                  v_TGK.narrow(0, begin, count), scale, config_.window, exact_);
    const auto place = kept.attended.narrow(0, begin, count).view(pass.out_LHK.sizes());
    pass.out_LHK = place.copy_(pass.out_LHK);
    kept.sequences.push_back(std::move(pass));
  }
  return block.out.forward(kept.attended, way.draw);
}

// The gradient of the normed rows that attend() was given.
at::Tensor DecoderPass::attend_backward(const Block& block, const at::Tensor& dy_TD, const MicroBatch& batch,
                                        Kept& kept) const {
  const int64_t rows = dy_TD.size(0);
  const auto dout_THK =
      block.out.backward(dy_TD, kept.attended, batch.draw).view({rows, config_.heads, config_.head_width});
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
  const bool read = block.query.needs_input() || block.key.needs_input() || block.value.needs_input();
  if (read && !kept.norm_x_TD.defined()) kept.norm_x_TD = norm(kept.x_TD, *block.before_attention);
  auto dnormed = block.query.backward(dq_THK.view({rows, -1}), kept.norm_x_TD, batch.draw);
  dnormed = block.key.backward(dk_TGK.view({rows, -1}), kept.norm_x_TD, batch.draw, dnormed);
  return block.value.backward(at::cat(dv, 0).view({rows, -1}), kept.norm_x_TD, batch.draw, dnormed);
}

// A block from kept.x_TD to what its last affine map reads; all that it makes is in `kept` afterwards, but for norms and
// product where `way` or frozen weights say so.
at::Tensor DecoderPass::product(const Block& block, const MicroBatch& batch, const Way& way, Kept& kept) const {
  const bool keep = way.recompute == Recompute::keep;
  const auto norm_x = norm(kept.x_TD, *block.before_attention);
  kept.y_TD = attend(block, norm_x, batch, way, kept).add_(kept.x_TD);
  const auto norm_y = norm(kept.y_TD, *block.before_mlp);
  kept.gate = block.gate.forward(norm_y, way.draw);
  kept.up = block.up.forward(norm_y, way.draw);
  const auto product = silu_mul(kept.gate.clone(), kept.up);
  if (keep && (block.query.needs_input() || block.key.needs_input() || block.value.needs_input()))
    kept.norm_x_TD = norm_x;
  if (keep && (block.gate.needs_input() || block.up.needs_input())) kept.norm_y_TD = norm_y;
  if (keep && block.down.needs_input()) kept.product = product;
  return product;
}

at::Tensor DecoderPass::backward_block(const Block& block, at::Tensor dz_TD, const MicroBatch& batch,
                                       Kept& kept) const {
  if (!kept.y_TD.defined()) product(block, batch, {Recompute::keep, batch.draw}, kept);
  if (block.down.needs_input() && !kept.product.defined()) kept.product = silu_mul(kept.gate.clone(), kept.up);
  const auto dproduct = block.down.backward(dz_TD, kept.product, batch.draw);
  kept.product.reset();
  silu_mul_gradient_(kept.gate, kept.up, dproduct);
  if ((block.gate.needs_input() || block.up.needs_input()) && !kept.norm_y_TD.defined())
    kept.norm_y_TD = norm(kept.y_TD, *block.before_mlp);
  auto dnormed = block.gate.backward(kept.gate, kept.norm_y_TD, batch.draw);
  dnormed = block.up.backward(kept.up, kept.norm_y_TD, batch.draw, dnormed);
  kept.gate.reset(), kept.up.reset(), kept.norm_y_TD.reset();
  auto dx_TD = std::move(dz_TD);  // both residuals hand it on
  add_rms_norm_gradient(dx_TD, block.before_mlp->gradient, dnormed, kept.y_TD, block.before_mlp->used,
                        config_.rms_norm_eps);
  dnormed = attend_backward(block, dx_TD, batch, kept);
  add_rms_norm_gradient(dx_TD, block.before_attention->gradient, dnormed, kept.x_TD, block.before_attention->used,
                        config_.rms_norm_eps);
  return dx_TD;
}

void DecoderPass::prepare(const MicroBatch& batch) {
  const auto table = rope_table(config_, 0, batch.longest(), batch.positions_T.device());
  angles_ = {table.cos_LK.index_select(0, batch.positions_T), table.sin_LK.index_select(0, batch.positions_T)};
  kept_.assign(blocks_.size(), {});
}

at::Tensor DecoderPass::forward(size_t index, at::Tensor x_TD, const MicroBatch& batch) {
  const auto& block = blocks_[index];
  Kept kept;
  kept.x_TD = std::move(x_TD);
  const auto product = this->product(block, batch, {batch.recompute, batch.draw}, kept);
  auto z_TD = block.down.forward(product, batch.draw).add_(kept.y_TD);
  if (index >= lowest_ && batch.recompute == Recompute::full)
    kept_[index].x_TD = kept.x_TD;
  else if (index >= lowest_)
    kept_[index] = std::move(kept);
  return z_TD;
}

at::Tensor DecoderPass::evaluate(size_t index, at::Tensor x_TD, const MicroBatch& batch) const {
  const auto& block = blocks_[index];
  Kept kept;
  kept.x_TD = std::move(x_TD);
  return block.down.forward(product(block, batch, {Recompute::full, {}}, kept)).add_(kept.y_TD);
}

CrossEntropy DecoderPass::loss(const at::Tensor& x_TD, const MicroBatch& batch, double weight) const {
  const auto rows = x_TD.index_select(0, batch.target_rows);
  const auto normed = norm(rows, *norm_);
  const auto weights = at::full({batch.labels()}, weight, x_TD.options().dtype(at::kFloat));
  auto result = cross_entropy(normed, head_->weight, batch.targets, weights, head_->gradient);
  auto drows = at::zeros_like(rows);
  add_rms_norm_gradient(drows, norm_->gradient, result.dhidden_RD, rows, norm_->used, config_.rms_norm_eps);
  auto dx_TD = at::zeros_like(x_TD);
  dx_TD.index_copy_(0, batch.target_rows, drows);
  result.dhidden_RD = dx_TD;
  return result;
}

at::Tensor DecoderPass::backward(size_t index, at::Tensor dx_TD, const MicroBatch& batch) {
  dx_TD = backward_block(blocks_[index], std::move(dx_TD), batch, kept_[index]);
  kept_[index] = {};
  return dx_TD;
}

}  // namespace llava::core
