// Loops shared out among the OpenMP threads that LibTorch uses. at::parallel_for is a template whose pragmas do nothing
// unless this code is compiled with -fopenmp, and with clang that would bring a second OpenMP runtime with a second
// pool of threads into the process; so the entry of the runtime LibTorch is linked with is called by name.
#pragma once

#include <cstdint>
#include <type_traits>

namespace llava::core::cpu {

/// Runs chunk(context, first, last) on pieces of 0 .. count, each at least `grain` long but the last, on up to
/// at::get_num_threads() threads; alone when the work is less than two grains or the caller is such a thread itself: a thread
/// that is woken waits for the next work by spinning, and where it has no core of its own everyone waits for it. The first
/// exception of a piece is thrown here after all have ended.
void run_parallel(int64_t count, int64_t grain, void (*chunk)(void* context, int64_t first, int64_t last),
                  void* context);

/// The same for a callable work(first, last).
template <typename Work>
void parallel_for(int64_t count, int64_t grain, Work&& work) {
  using Callable = std::remove_reference_t<Work>;
  run_parallel(
      count, grain, [](void* context, int64_t first, int64_t last) { (*static_cast<Callable*>(context))(first, last); },
      const_cast<void*>(static_cast<const void*>(&work)));
}

/// While it lives, products of MKL that this thread calls for are computed on it alone, by one code path: inside a
/// parallel region MKL does so by itself, but on another path than with a single thread, and with other last bits.
class SerialProducts {
 public:
  SerialProducts();
  ~SerialProducts();
  SerialProducts(const SerialProducts&) = delete;

 private:
  int before_ = 0;  // MKL's number for this thread; 0 = none of its own
};

}  // namespace llava::core::cpu
