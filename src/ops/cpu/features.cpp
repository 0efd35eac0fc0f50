// CPU features, and the environment variable that overrides them.
#include "ops/cpu/features.hpp"

#include <cpuid.h>

#include <atomic>
#include <cstdlib>

#include "base/error.hpp"

namespace llava::core::cpu {
namespace {

constexpr Isa kAll[] = {Isa::reference, Isa::avx2, Isa::avx512};
std::atomic<int> forced{-1};  // ForcedIsa; -1 = nothing is forced

// clang 14's __builtin_cpu_supports does not know this name; CPUID leaf 1, ECX bit 29 (Intel SDM, volume 2A)
bool has_f16c() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx >> 29 & 1) != 0;
}

bool runs(Isa isa) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  switch (isa) {
    case Isa::reference:
      return true;
    case Isa::avx2:
      return avx2;
    case Isa::avx512:
      return avx512;
  }
  return false;
}

}  // namespace

const char* isa_name(Isa isa) noexcept {
  switch (isa) {
    case Isa::reference:
      return "reference";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "?";
}

std::vector<Isa> available_isas() {
  std::vector<Isa> found;
  for (const Isa isa : kAll)
    if (runs(isa)) found.push_back(isa);
  return found;
}

Isa parse_isa(std::string_view text) {
  for (const Isa isa : kAll) {
    if (text != isa_name(isa)) continue;
    if (!runs(isa)) throw Error(Status::argument, cat("LLAVA_CPU_ISA=", text, ": this CPU cannot run it"));
    return isa;
  }
  throw Error(Status::argument, cat("LLAVA_CPU_ISA=", text, " is not known; expected reference, avx2 or avx512"));
}

Isa chosen_isa() {
  if (const int isa = forced.load(std::memory_order_relaxed); isa >= 0) return static_cast<Isa>(isa);
  static const Isa chosen = [] {  // a throw leaves it unset: the next call reads the environment again
    const char* text = std::getenv("LLAVA_CPU_ISA");
    return text && *text ? parse_isa(text) : available_isas().back();
  }();
  return chosen;
}

ForcedIsa::ForcedIsa(Isa isa) : before_(forced.exchange(static_cast<int>(isa))) {}

ForcedIsa::~ForcedIsa() { forced.store(before_); }

}  // namespace llava::core::cpu
