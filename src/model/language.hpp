// The LLaMA decoder (Touvron et al. 2023): RMSNorm, rotary positions, grouped-query attention, SwiGLU.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "base/cancel.hpp"
#include "model/affine.hpp"
#include "model/config.hpp"
#include "model/kv_cache.hpp"
#include "model/parameters.hpp"
#include "model/rope.hpp"

namespace llava::core {

class LanguageModel {
 public:
  LanguageModel(Parameters& parameters, const LanguageConfig& config);

  /// Runs rows through all blocks, after the positions `cache` already holds, and adds them to it.
  ///
  ///   embeds_LD  in the activations' dtype, L >= 1
  ///   returns    [L, D] after the final norm
  ///
  /// Long inputs run in pieces of kChunk rows, so that `cancel`, polled before every block, is heard within one block's
  /// time. On failure the cache is as before. The caller has checked that length + L fits the context.
  /// Source: transformers v4.57, models/llama/modeling_llama.py.
  at::Tensor forward(const at::Tensor& embeds_LD, KvCache& cache, const Cancel& cancel) const;

  /// [L, D] -> [L, V], f32.
  at::Tensor logits(const at::Tensor& hidden_LD) const;

  const Weight& token_embeddings() const { return table_VD_; }

  /// An empty cache for up to `context` positions; 0: as many as positions reach.
  KvCache new_cache(int64_t context = 0) const;

  /// Runs one row through one block, so that the set-up of a first call happens here. `cancel` is polled before.
  void warm_up(const Cancel& cancel) const;

  const LanguageConfig& config() const { return config_; }
  at::ScalarType dtype() const { return dtype_; }
  at::Device device() const { return device_; }

  static constexpr int64_t kChunk = 512;

 private:
  struct Block {
    at::Tensor before_attention_D, before_mlp_D;
    Affine query, key, value, out, gate, up, down;
  };
  at::Tensor forward_chunk(const at::Tensor& embeds_LD, const RopeTable& rope, KvCache& cache, const Cancel&) const;
  at::Tensor attend(size_t layer, const at::Tensor& x_LD, const RopeTable& rope, KvCache& cache) const;
  at::Tensor run_block(size_t layer, const at::Tensor& x_LD, const RopeTable& rope, KvCache& cache) const;

  LanguageConfig config_;
  at::ScalarType dtype_;
  at::Device device_;
  Weight table_VD_;
  Affine head_;  // [V, D]
  at::Tensor norm_D_;
  std::vector<Block> blocks_;
};

}  // namespace llava::core
