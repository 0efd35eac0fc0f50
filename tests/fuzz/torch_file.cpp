// Whole torch files of both forms: every byte of every tensor can be read (the sanitizer watches), and what is copied
// stays within its bound.
#include <memory>

#include "fuzz.hpp"
#include "weights/torch_file.hpp"

using namespace llava;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto owner = std::make_shared<int>();
    const auto map = core::torch_tensors(fuzz::bytes_of(data, size), owner, "file");
    int64_t outside_bytes = 0;
    for (const auto& view : map.all()) {
      const auto* begin = reinterpret_cast<const uint8_t*>(view.data);
      if (begin < data || begin > data + size) outside_bytes += static_cast<int64_t>(view.size_bytes);
      unsigned sum = 0;
      for (size_t i = 0; i < view.size_bytes; ++i) sum += begin[i];
      volatile unsigned sink = sum;
      static_cast<void>(sink);
    }
    fuzz::require(outside_bytes <= static_cast<int64_t>(size) + core::limits::kExpandedBytes,
                  "copies beyond their bound");
  });
  return 0;
}
