// The LLaMA decoder.
#include "model/language.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include "base/error.hpp"
#include "ops/ops.hpp"

namespace llava::core {

LanguageModel::LanguageModel(Parameters& parameters, const LanguageConfig& config)
    : config_(config), dtype_(parameters.activation_dtype()), device_(parameters.placement().device) {
  const int64_t width = config.width, inner = config.intermediate;
  const int64_t query_width = config.heads * config.head_width;
  const int64_t key_width = config.key_value_heads * config.head_width;
  table_VD_ = parameters.take_matrix("language.embed_tokens.weight", {config.vocabulary, width});
  for (int64_t i = 0; i < config.layers; ++i) {
    const auto name = cat("language.layers.", i, '.');
    Block block;
    block.before_attention_D = parameters.take(name + "input_layernorm.weight", {width});
    block.query = take_affine(parameters, name + "self_attn.q_proj", query_width, width, config.attention_bias);
    block.key = take_affine(parameters, name + "self_attn.k_proj", key_width, width, config.attention_bias);
    block.value = take_affine(parameters, name + "self_attn.v_proj", key_width, width, config.attention_bias);
    block.out = take_affine(parameters, name + "self_attn.o_proj", width, query_width, config.attention_bias);
    block.before_mlp_D = parameters.take(name + "post_attention_layernorm.weight", {width});
    block.gate = take_affine(parameters, name + "mlp.gate_proj", inner, width, config.mlp_bias);
    block.up = take_affine(parameters, name + "mlp.up_proj", inner, width, config.mlp_bias);
    block.down = take_affine(parameters, name + "mlp.down_proj", width, inner, config.mlp_bias);
    blocks_.push_back(std::move(block));
  }
  norm_D_ = parameters.take("language.norm.weight", {width});
  if (config.tied_head)
    head_.weight = table_VD_;
  else
    head_ = take_affine(parameters, "lm_head", config.vocabulary, width, /*bias=*/false);
}

KvCache LanguageModel::new_cache(int64_t context) const {
  return {config_, context > 0 ? context : config_.reachable_context(), dtype_, device_};
}

at::Tensor LanguageModel::attend(size_t layer, const at::Tensor& x_LD, const RopeTable& rope, KvCache& cache) const {
  const auto& block = blocks_[layer];
  const int64_t rows = x_LD.size(0), past = cache.length();
  auto q_LHK = block.query(x_LD).view({rows, config_.heads, config_.head_width});
  auto k_LGK = block.key(x_LD).view({rows, config_.key_value_heads, config_.head_width});
  const auto v_LGK = block.value(x_LD).view(k_LGK.sizes());
  rope_(q_LHK, k_LGK, rope.cos_LK, rope.sin_LK);
  const auto index = static_cast<int64_t>(layer);
  cache.write(index, k_LGK, v_LGK);
  const auto out_LHK =
      attention(q_LHK, cache.keys(index, past + rows), cache.values(index, past + rows), past,
                /*causal=*/true, 1.0 / std::sqrt(static_cast<double>(config_.head_width)), config_.window);
  return block.out(out_LHK.reshape({rows, config_.heads * config_.head_width}));
}

at::Tensor LanguageModel::run_block(size_t layer, const at::Tensor& x_LD, const RopeTable& rope, KvCache& cache) const {
  const auto& block = blocks_[layer];
  const auto y_LD =
      attend(layer, rms_norm(x_LD, block.before_attention_D, config_.rms_norm_eps), rope, cache).add_(x_LD);
  const auto normed = rms_norm(y_LD, block.before_mlp_D, config_.rms_norm_eps);
  return block.down(silu_mul(block.gate(normed), block.up(normed))).add_(y_LD);
}

at::Tensor LanguageModel::forward_chunk(const at::Tensor& embeds_LD, const RopeTable& rope, KvCache& cache,
                                        const Cancel& cancel) const {
  cache.reserve(cache.length() + embeds_LD.size(0));
  auto x_LD = embeds_LD;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    cancel.poll(embeds_LD.size(0) > 1 ? "prefill" : "decode");
    x_LD = run_block(i, x_LD, rope, cache);
  }
  cache.advance(embeds_LD.size(0));
  return rms_norm(x_LD, norm_D_, config_.rms_norm_eps);
}

at::Tensor LanguageModel::forward(const at::Tensor& embeds_LD, KvCache& cache, const Cancel& cancel) const {
  const int64_t rows = embeds_LD.size(0), before = cache.length();
  const auto rope = rope_table(config_, before, rows, device_);
  try {
    std::vector<at::Tensor> pieces;
    for (int64_t begin = 0; begin < rows; begin += kChunk) {
      const int64_t count = std::min(kChunk, rows - begin);
      const RopeTable part = {rope.cos_LK.narrow(0, begin, count), rope.sin_LK.narrow(0, begin, count)};
      pieces.push_back(forward_chunk(embeds_LD.narrow(0, begin, count), part, cache, cancel));
    }
    return pieces.size() == 1 ? pieces.front() : at::cat(pieces, 0);
  } catch (...) {
    cache.truncate(before);
    throw;
  }
}

void LanguageModel::warm_up(const Cancel& cancel) const {
  cancel.poll("warm-up");
  auto cache = new_cache();
  cache.reserve(1);
  const auto row_LD = at::zeros({1, config_.width}, at::TensorOptions().dtype(dtype_).device(device_));
  rms_norm(run_block(0, row_LD, rope_table(config_, 0, 1, device_), cache), norm_D_, config_.rms_norm_eps);
}

at::Tensor LanguageModel::logits(const at::Tensor& hidden_LD) const { return head_(hidden_LD).to(at::kFloat); }

}  // namespace llava::core
