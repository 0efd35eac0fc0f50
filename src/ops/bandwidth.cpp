// The read-only stream.
#include "ops/bandwidth.hpp"

#include <atomic>
#include <chrono>

#include "base/error.hpp"
#include "ops/cpu/kernels.hpp"
#include "ops/cpu/parallel.hpp"

namespace llava::core {
namespace {

constexpr int64_t kUnit = 1 << 16;  // bytes; whole vectors of every instruction set

uint64_t read_words(const void* data, size_t bytes) {
  const auto* word = static_cast<const uint64_t*>(data);
  uint64_t seen[4] = {};
  for (size_t i = 0; i < bytes / sizeof(uint64_t); i += 4)
    for (int lane = 0; lane < 4; ++lane) seen[lane] ^= word[i + lane];
  return seen[0] ^ seen[1] ^ seen[2] ^ seen[3];
}

}  // namespace

double read_bandwidth_gbs(int64_t bytes, int rounds) {
  if (bytes < kUnit || rounds < 1) throw Error(Status::argument, "read_bandwidth: at least 64 KiB and one round");
  const int64_t units = bytes / kUnit;
  const auto memory = at::empty({units * kUnit}, at::TensorOptions(at::kByte));
  auto* data = memory.data_ptr<uint8_t>();
  cpu::parallel_for(units, 1, [&](int64_t first, int64_t last) {  // each thread writes the pages it will read
    std::memset(data + first * kUnit, 1, static_cast<size_t>((last - first) * kUnit));
  });
  const auto* kernels = cpu::kernels();
  const auto read = kernels ? kernels->read : read_words;
  std::atomic<uint64_t> seen{0};  // so that no read is left out
  std::vector<double> speeds;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    cpu::parallel_for(units, 1, [&](int64_t first, int64_t last) {
      seen += read(data + first * kUnit, static_cast<size_t>((last - first) * kUnit));
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    speeds.push_back(static_cast<double>(units * kUnit) / seconds.count() * 1e-9);
  }
  std::nth_element(speeds.begin(), speeds.begin() + rounds / 2, speeds.end());
  return speeds[static_cast<size_t>(rounds / 2)];
}

}  // namespace llava::core
