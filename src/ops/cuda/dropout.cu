// Dropout whose mask is a function of a key and a place:  out = x / (1 - p) where the place's word is large enough, else 0
//
// One thread per block of Philox, which is four words and so four elements: ten rounds of two products each, once for
// four reads and four writes. Consecutive threads have consecutive elements, so a warp's 128 elements are one stream.
// Integers throughout: the mask is the CPU's to the bit. Agrees with keyed_dropout_reference() in
// ops/gradient_reference.cpp; tests/ops/cuda_test.cpp.
#include "ops/cuda/element.cuh"

namespace llava::core::cuda {
namespace {

constexpr int kThreads = 256;

// base/rng: philox4x32 of {low, high, 0, 0}
__device__ uint4 philox(uint64_t number, uint64_t key) {
  uint4 c = make_uint4(static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32), 0, 0);
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t one = uint64_t{0xD2511F53u} * c.x, two = uint64_t{0xCD9E8D57u} * c.z;
    c = make_uint4(static_cast<uint32_t>(two >> 32) ^ c.y ^ k0, static_cast<uint32_t>(two),
                   static_cast<uint32_t>(one >> 32) ^ c.w ^ k1, static_cast<uint32_t>(one));
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

template <typename T>
__global__ void dropout_kernel(T* __restrict__ out, const T* __restrict__ x, int64_t count, DropoutMask mask) {
  const int64_t block = mask.first / 4 + int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const int64_t begin = block * 4 - mask.first;
  if (begin >= count) return;
  const uint4 words = philox(static_cast<uint64_t>(block), mask.key);
  const uint32_t of_place[4] = {words.x, words.y, words.z, words.w};
  for (int64_t k = 0; k < 4; ++k) {
    const int64_t i = begin + k;
    if (i < 0 || i >= count) continue;
    narrow(out[i], of_place[k] >= mask.least ? widen(x[i]) * mask.factor : 0.f);
  }
}

}  // namespace

void keyed_dropout(Launch launch, void* out, const void* x, int64_t count, DropoutMask mask) {
  if (count == 0) return;
  const int64_t numbers = (mask.first + count + 3) / 4 - mask.first / 4;
  const auto blocks = static_cast<unsigned>((numbers + kThreads - 1) / kThreads);
  with_element(launch.type, [&](auto element) {
    using T = decltype(element);
    dropout_kernel<T><<<blocks, kThreads, 0, static_cast<cudaStream_t>(launch.stream)>>>(
        static_cast<T*>(out), static_cast<const T*>(x), count, mask);
  });
  check_launch("keyed_dropout");
}

}  // namespace llava::core::cuda
