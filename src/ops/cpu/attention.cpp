// Which kernel, and which part of the work a thread takes. A job is one head and a block of queries; with a few queries
// (a new token) it is one position and all the heads that share a group's keys, so that each key is read once.
#include "ops/cpu/attention.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "ops/cpu/parallel.hpp"
#include "ops/cpu/tensors.hpp"

namespace llava::core::cpu {
namespace {

constexpr int64_t kFewQueries = 4;  // so many are done one by one: the lanes of a panel would be empty

struct Call {
  const Kernels& kernels;
  at::Tensor q_NLHK, k_NSGK, v_NSGK, out_NLHK;
  int64_t past;
  bool causal;
  float scale;
  int64_t window;

  int64_t queries() const { return q_NLHK.size(1); }
  int64_t heads() const { return q_NLHK.size(2); }
  int64_t groups() const { return k_NSGK.size(2); }
  int64_t keys() const { return k_NSGK.size(1); }
  int64_t width() const { return q_NLHK.size(3); }
  int64_t copies() const { return heads() / groups(); }  // heads of a group
};

at::Tensor with_adjacent_rows(const at::Tensor& x) { return x.stride(3) == 1 ? x : x.contiguous(); }

const float* at_place(const at::Tensor& x, int64_t n, int64_t row, int64_t head) {
  return x.const_data_ptr<float>() + n * x.stride(0) + row * x.stride(1) + head * x.stride(2);
}

// Keys or values of one group.
Matrix group_of(const at::Tensor& x_NSGK, int64_t n, int64_t group) {
  Matrix matrix = matrix_of(x_NSGK, 1);
  const auto offset = static_cast<size_t>(n * x_NSGK.stride(0) + group * x_NSGK.stride(2)) * x_NSGK.element_size();
  matrix.data = static_cast<const char*>(matrix.data) + offset;
  return matrix;
}

int64_t jobs_per_thread(int64_t least, int64_t products) {
  return std::max<int64_t>(1, least / std::max<int64_t>(1, products));
}

// Jobs are (picture, head, block of queries). Blocks of a head are neighbours: causal ones grow with their number, and
// so the threads' shares stay alike.
void attend_blocks(const Call& call) {
  const int64_t most = call.kernels.attention_queries, blocks = (call.queries() + most - 1) / most;
  const int64_t block = (call.queries() + blocks - 1) / blocks;
  const int64_t jobs = call.q_NLHK.size(0) * call.heads() * blocks;
  const auto work = [&](int64_t first, int64_t last) {
    const auto scratch = at::empty({call.kernels.attention_scratch(call.width())}, at::TensorOptions(at::kFloat));
    for (int64_t i = first; i < last; ++i) {
      const int64_t n = i / (call.heads() * blocks), head = i / blocks % call.heads(), query = i % blocks * block;
      if (query >= call.queries()) continue;
      AttentionJob job{};
      job.q = at_place(call.q_NLHK, n, query, head);
      job.q_stride = call.q_NLHK.stride(1);
      job.k = group_of(call.k_NSGK, n, head / call.copies());
      job.v = group_of(call.v_NSGK, n, head / call.copies());
      job.out = const_cast<float*>(at_place(call.out_NLHK, n, query, head));
      job.out_stride = call.out_NLHK.stride(1);
      job.queries = std::min(block, call.queries() - query);
      job.keys = call.keys();
      job.width = call.width();
      job.past = call.past + query;
      job.causal = call.causal;
      job.window = call.window;
      job.scale = call.scale;
      call.kernels.attention(job, scratch.data_ptr<float>());
    }
  };
  parallel_for(jobs, jobs_per_thread(kSerialProducts / 4, block * call.keys() * call.width()), work);
}

// The rows of `matrix` from `row` on.
Matrix from_row(Matrix matrix, int64_t row, size_t element_bytes) {
  matrix.data = static_cast<const char*>(matrix.data) + static_cast<size_t>(row * matrix.stride) * element_bytes;
  return matrix;
}

// Jobs are (picture, query, group).
void attend_one_by_one(const Call& call) {
  const int64_t jobs = call.q_NLHK.size(0) * call.queries() * call.groups();
  const auto work = [&](int64_t first, int64_t last) {
    const auto scores = at::empty({call.copies() * call.keys()}, at::TensorOptions(at::kFloat));
    for (int64_t i = first; i < last; ++i) {
      const int64_t n = i / (call.queries() * call.groups()), query = i / call.groups() % call.queries();
      const int64_t group = i % call.groups();
      DecodeJob job{};
      job.q = at_place(call.q_NLHK, n, query, group * call.copies());
      job.rows = call.copies();
      const int64_t seen = call.causal ? std::min(call.keys(), call.past + query + 1) : call.keys();
      const int64_t forgotten = call.window > 0 ? std::max<int64_t>(0, seen - call.window) : 0;
      job.k = from_row(group_of(call.k_NSGK, n, group), forgotten, call.k_NSGK.element_size());
      job.v = from_row(group_of(call.v_NSGK, n, group), forgotten, call.v_NSGK.element_size());
      job.keys = seen - forgotten;
      job.width = call.width();
      job.scale = call.scale;
      job.scores = scores.data_ptr<float>();
      job.out = const_cast<float*>(at_place(call.out_NLHK, n, query, group * call.copies()));
      call.kernels.decode(job);
    }
  };
  parallel_for(jobs, jobs_per_thread(kSerialWeights / 2, call.copies() * call.keys() * call.width()), work);
}

}  // namespace

at::Tensor attention(const Kernels& kernels, const at::Tensor& q_NLHK, const at::Tensor& k_NSGK,
                     const at::Tensor& v_NSGK, int64_t past, bool causal, double scale, int64_t window) {
  const bool few = q_NLHK.size(1) <= kFewQueries;
  auto out = at::empty_like(q_NLHK, at::MemoryFormat::Contiguous);
  const Call call{kernels,
                  few ? q_NLHK.contiguous() : with_adjacent_rows(q_NLHK),
                  with_adjacent_rows(k_NSGK),
                  with_adjacent_rows(v_NSGK),
                  out,
                  past,
                  causal,
                  static_cast<float>(scale),
                  causal ? window : 0};
  few ? attend_one_by_one(call) : attend_blocks(call);
  return out;
}

}  // namespace llava::core::cpu
