// What training needs from other ranks: processes that make one step together. A rank is one of them, counted from 0.
//
// Calls come in the same order with the same shapes on every rank, from one thread. Each blocks until its result is
// there, or throws Error(distributed) that names the rank that is lost; after that nothing can be called but abort().
// Tensors are contiguous and on the CPU or this rank's device; what is only moved (all_gather, all_to_all, broadcast) is moved as bytes.
//
// There is no sum of floating numbers here but reduce_scatter(): a result that depends on the number of ranks cannot be
// called for by mistake.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <string>
#include <string_view>

namespace llava::core {

enum class Reduce : uint8_t { sum, max };

/// What a rank is at, for those who watch it: `busy` is to come to its next progress() within a time in proportion to
/// what was usual so far, `slow` may take as long as it wants (loading, saving).
enum class Doing : uint8_t { busy, slow };

class Comm {
 public:
  Comm() = default;
  Comm(const Comm&) = delete;
  Comm& operator=(const Comm&) = delete;
  virtual ~Comm() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t size() const = 0;

  /// out [size * n]: the shards [n] of all ranks in their order.
  virtual void all_gather(at::Tensor out, const at::Tensor& shard) = 0;

  /// in [size * n], out [size * n]: piece r of `in` goes to rank r, piece r of `out` comes from rank r.
  virtual void all_to_all(at::Tensor out, const at::Tensor& in) = 0;

  /// shard [n]: the sum over the ranks of their pieces `rank()` of in [size * n], f32, in an order of its own.
  virtual void reduce_scatter(at::Tensor shard, const at::Tensor& in) = 0;

  /// int64, in place.
  virtual void all_reduce(at::Tensor values, Reduce how) = 0;

  /// `values` of rank `root`, in place.
  virtual void broadcast(at::Tensor values, int64_t root) = 0;

  virtual void barrier() = 0;

  /// How long nobody may get on before a call gives up. A backstop: that a rank is gone is noticed earlier.
  virtual void set_timeout(std::chrono::milliseconds timeout) = 0;

  /// Ends the calls of all ranks, those of the others with `reason`. For a rank that cannot go on. Throws nothing.
  virtual void abort(std::string_view reason) noexcept = 0;

  /// Says that this rank got on, and with what it goes on; cheap.
  virtual void progress(std::string_view phase, Doing doing) = 0;
};

}  // namespace llava::core
