// Which instruction sets the kernels of ops/cpu may use, found out once at run time: one build serves every x86-64 CPU.
#pragma once

#include <string_view>
#include <vector>

namespace llava::core::cpu {

/// From plain to fast; each has what those before it have. avx2 means AVX2, FMA and F16C; avx512 adds F, BW, VL and DQ.
///
/// There is no entry for AVX-512 BF16: on an Emerald Rapids core vdpbf16ps was measured at 107 GFLOP/s, two f32 FMA
/// units at 220, and it would round the activations besides. bf16 is how weights are stored, not how they are
/// multiplied.
enum class Isa { reference, avx2, avx512 };

const char* isa_name(Isa isa) noexcept;

/// What this CPU (and its operating system) can run, `reference` first.
std::vector<Isa> available_isas();

/// The one in use: LLAVA_CPU_ISA=reference|avx2|avx512 where it is set, else the last of available_isas().
/// The environment is read at the first call. Throws Error(argument) when it names none or one this CPU lacks.
Isa chosen_isa();

/// What a value of LLAVA_CPU_ISA means; throws like chosen_isa().
Isa parse_isa(std::string_view text);

/// For tests and benches: one instruction set for as long as this lives, in the whole process.
class ForcedIsa {
 public:
  explicit ForcedIsa(Isa isa);
  ~ForcedIsa();
  ForcedIsa(const ForcedIsa&) = delete;
  ForcedIsa& operator=(const ForcedIsa&) = delete;

 private:
  int before_;
};

}  // namespace llava::core::cpu
