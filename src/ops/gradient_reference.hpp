// The gradients of gradients.hpp as plain ATen operations: what runs where the CPU's own loops do not fit, that is on a
// card, in bf16, and on LibTorch's `meta` device, which has shapes and no numbers. Sums and exponentials are f32 whatever
// the inputs are. Contracts: ops/gradients.hpp; the tests compare both on the CPU.
#pragma once

#include "ops/gradients.hpp"

namespace llava::core {

/// Whether x is for the functions below: not f32 on the CPU, or told so by a ForcedReference.
bool takes_reference(const at::Tensor& x);

/// For tests: as long as it lives, f32 on the CPU is for them too, in the whole process.
class ForcedReference {
 public:
  ForcedReference() noexcept;
  ~ForcedReference();
  ForcedReference(const ForcedReference&) = delete;
  ForcedReference& operator=(const ForcedReference&) = delete;

 private:
  bool before_;
};

void bias_gradient_reference(at::Tensor& dbias, const at::Tensor& dy);
void add_rms_norm_gradient_reference(at::Tensor& dx, at::Tensor& dweight, const at::Tensor& dy, const at::Tensor& x,
                                     const at::Tensor& weight_D, double eps);
void add_layer_norm_gradient_reference(at::Tensor& dx, at::Tensor& dweight, at::Tensor& dbias, const at::Tensor& dy,
                                       const at::Tensor& x, const at::Tensor& weight_D, double eps);
void silu_mul_gradient_reference_(at::Tensor& gate, at::Tensor& up, const at::Tensor& dy);
void add_embedding_gradient_reference(at::Tensor& dtable_VD, const at::Tensor& ids_L, const at::Tensor& drows_LD);
at::Tensor keyed_dropout_reference(const at::Tensor& x, double probability, uint64_t key, int64_t first);
CrossEntropy cross_entropy_reference(const at::Tensor& hidden_RD, const Weight& head_VD, const at::Tensor& targets_R,
                                     const at::Tensor& weights_R, at::Tensor& dhead_VD);
void adamw_reference_(at::Tensor& values, const at::Tensor& gradient, at::Tensor& first_moment,
                      at::Tensor& second_moment, int64_t step, const AdamW& how);
void split_reference(const at::Tensor& values, const SplitMaster& halves);
void join_reference(const SplitMaster& halves, at::Tensor& values);
at::Tensor block_sums_of_squares_reference(const at::Tensor& values);

/// Attention of N sequences or pictures, as many heads of keys as of queries, in blocks of queries.
struct HeadsAttention {
  at::Tensor out_NHLK, log_sum_NHL;  // log_sum: f32
};
struct HeadsAttentionGradient {
  at::Tensor dq_NHLK, dk_NHLK, dv_NHLK;
};
HeadsAttention attention_forward_reference(const at::Tensor& q_NHLK, const at::Tensor& k_NHLK, const at::Tensor& v_NHLK,
                                           double scale, bool causal, int64_t window);
HeadsAttentionGradient attention_gradient_reference(const at::Tensor& dout_NHLK, const at::Tensor& q_NHLK,
                                                    const at::Tensor& k_NHLK, const at::Tensor& v_NHLK,
                                                    const HeadsAttention& pass, double scale, bool causal,
                                                    int64_t window);

}  // namespace llava::core
