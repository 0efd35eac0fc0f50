// What the inputs and the weights of the operations in ops.hpp get back: training's half of this folder. No autograd
// graph is built anywhere: a pass keeps what it needs and calls these in reverse. On the CPU a result does not depend on
// the number of threads, but for the matrix products of MKL.
//
// Gradients have the shape of what they belong to. Those of inputs have their type, f32 on the CPU; those of weights are
// f32 everywhere. Weight gradients are written, not added to: one micro-batch, one gradient; sums over micro-batches have
// an order of their own (train/gradient_sum).
//
// On a card all of it is plain ATen (ops/gradient_reference), but for attention in bf16 and f16, dropout and AdamW. NOT
// RUN YET on one: no graphics card was at hand.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "ops/split_master.hpp"
#include "ops/weight.hpp"

namespace llava::core {

/// A number that a card may still be at work on: reading it waits for that.
class LaterNumber {
 public:
  LaterNumber(double number = 0) : number_(number) {}
  explicit LaterNumber(at::Tensor there) : there_(std::move(there)) {}  // f64, of one element
  operator double() const { return there_.defined() ? there_.item<double>() : number_; }

 private:
  double number_ = 0;
  at::Tensor there_;
};

/// linear(): dy [..., out] -> dx [..., in], added to what `sum` holds if it is defined (then it is returned). A bf16 or
/// f16 weight is widened panel by panel.
at::Tensor linear_input_gradient(const at::Tensor& dy, const Weight& weight, at::Tensor sum = {});

/// linear(): dweight [out, in] = transposed dy [..., out] times x [..., in]. Zero rows give zeros.
void linear_weight_gradient(at::Tensor dweight, const at::Tensor& dy, const at::Tensor& x);

/// linear() and layer_norm(): dbias [out] = the sum of dy [..., out] over its rows, in blocks of fixed size.
void bias_gradient(at::Tensor dbias, const at::Tensor& dy);

/// rms_norm(): adds to dx the gradient that came through the norm (a residual's own is there already), and writes
/// dweight [D] unless it is undefined.
void add_rms_norm_gradient(at::Tensor& dx, at::Tensor dweight, const at::Tensor& dy, const at::Tensor& x,
                           const at::Tensor& weight_D, double eps);

/// layer_norm(): as above, with dbias [D]; the statistics of a row are made again, in f64.
void add_layer_norm_gradient(at::Tensor& dx, at::Tensor dweight, at::Tensor dbias, const at::Tensor& dy,
                             const at::Tensor& x, const at::Tensor& weight_D, double eps);

/// silu_mul(): gate and up, as they were before it, become their gradients.
void silu_mul_gradient_(at::Tensor& gate, at::Tensor& up, const at::Tensor& dy);

/// gelu(), gelu_tanh(), quick_gelu(): x as it was before.
at::Tensor gelu_gradient(const at::Tensor& dy, const at::Tensor& x);
at::Tensor gelu_tanh_gradient(const at::Tensor& dy, const at::Tensor& x);
at::Tensor quick_gelu_gradient(const at::Tensor& dy, const at::Tensor& x);

/// rope_(): dq and dk as the rotated ones had them -> as before the rotation, in place.
void rope_gradient_(at::Tensor& dq_LHK, at::Tensor& dk_LGK, const at::Tensor& cos_LK, const at::Tensor& sin_LK);

/// embedding(): adds the rows of drows [L, D] to those of dtable [V, D] that the ids name, in the order of L.
void add_embedding_gradient(at::Tensor dtable_VD, const at::Tensor& ids_L, const at::Tensor& drows_LD);

/// Causal attention of one whole sequence, as ops.hpp's with past = 0, keeping what its gradient needs. `exact`: its gradient
/// has the same bits in every run, also on a card, whose flash kernel adds in an order left to chance.
struct AttentionPass {
  at::Tensor q_LHK, k_LGK, v_LGK, out_LHK;
  at::Tensor log_sum_1HL;
  at::Tensor seed, offset;  // of a card's kernel, which wants them back
  bool flash = false;       // by that kernel
};
AttentionPass attention_forward(const at::Tensor& q_LHK, const at::Tensor& k_LGK, const at::Tensor& v_LGK, double scale,
                                int64_t window = 0, bool exact = false);

struct AttentionGradient {
  at::Tensor dq_LHK, dk_LGK, dv_LGK;
};
AttentionGradient attention_gradient(const AttentionPass& pass, const at::Tensor& dout_LHK, double scale,
                                     int64_t window = 0);

/// The same for N pictures that do not see each other, every patch seeing all patches of its picture: attention_batched()
/// keeping what its gradient needs. Heads are not grouped.
struct PicturesAttention {
  at::Tensor q_NPHK, k_NPHK, v_NPHK, out_NPHK;
  at::Tensor log_sum_NHP;
  at::Tensor seed, offset;
  bool flash = false;
};
PicturesAttention pictures_attention_forward(const at::Tensor& q_NPHK, const at::Tensor& k_NPHK,
                                             const at::Tensor& v_NPHK, double scale, bool exact = false);

struct PicturesAttentionGradient {
  at::Tensor dq_NPHK, dk_NPHK, dv_NPHK;
};
PicturesAttentionGradient pictures_attention_gradient(const PicturesAttention& pass, const at::Tensor& dout_NPHK,
                                                      double scale);

/// Elements of x with probability `probability` (0 <= p < 1) zero, the others times 1 / (1 - p) (Srivastava et al. 2014).
/// x is a part, from element `first` on, of a whole of which element i is kept when word i % 4 of philox4x32({i / 4, 0}, key)
/// is at least p * 2^32: a function of the key and its place alone, so that the same call gives the gradient from that of
/// the result, and recompute the same mask.
at::Tensor keyed_dropout(const at::Tensor& x, double probability, uint64_t key, int64_t first = 0);

/// Weighted cross-entropy of the next token, without ever holding all logits.
///
///   hidden_RD   rows that have a target
///   head_VD     on the CPU f32
///   targets_R   int64, 0 <= target < V: the caller has checked
///   weights_R   f32, of each row in the sum
///   dhead_VD    receives the head's gradient, unless it is undefined
struct CrossEntropy {
  LaterNumber loss;  // sum of weight * -log softmax(logits)[target]
  at::Tensor dhidden_RD;
};
CrossEntropy cross_entropy(const at::Tensor& hidden_RD, const Weight& head_VD, const at::Tensor& targets_R,
                           const at::Tensor& weights_R, at::Tensor dhead_VD);

/// Rows of logits that exist at a time: part of what decides the bits of a result.
inline constexpr int64_t kLossRows = 1024;

/// One step of AdamW (Loshchilov & Hutter 2019) over flat f32 buffers of one length, in place; `step` counts from 1.
struct AdamW {
  double lr, beta1, beta2, eps, weight_decay;
};
void adamw_(at::Tensor& values, const at::Tensor& gradient, at::Tensor& first_moment, at::Tensor& second_moment,
            int64_t step, const AdamW& how);

/// The same numbers where the values are kept in two halves (ops/split_master): pieces of a fixed size are f32 at a time.
void adamw_(const SplitMaster& values, const at::Tensor& gradient, at::Tensor& first_moment, at::Tensor& second_moment,
            int64_t step, const AdamW& how);

/// The sum of squares in f64, in blocks of kNormBlock elements and these in order: the same for any split at multiples
/// of the block.
double sum_of_squares(const at::Tensor& values);

/// The blocks' sums alone, f64, on the values' device: where the pieces of one buffer lie on several ranks.
at::Tensor block_sums_of_squares(const at::Tensor& values);
inline constexpr int64_t kNormBlock = 4096;

}  // namespace llava::core
