// From the chosen instruction set to its table.
#include "ops/cpu/kernels.hpp"

#include "ops/cpu/features.hpp"

namespace llava::core::cpu {

const Kernels* kernels() {
  switch (chosen_isa()) {
    case Isa::reference:
      return nullptr;
    case Isa::avx2:
      return &kernels_avx2();
    case Isa::avx512:
      return &kernels_avx512();
  }
  return nullptr;
}

}  // namespace llava::core::cpu
