// Names and sizes of the number types a checkpoint may hold.
#pragma once

#include <cstddef>
#include <cstdint>

namespace llava::core {

enum class DType : uint8_t { f32, f16, bf16, f64, i64, i32, i16, i8, u8, boolean };

constexpr size_t dtype_bytes(DType type) {
  switch (type) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32: return 4;
    case DType::f16:
    case DType::bf16:
    case DType::i16: return 2;
    default: return 1;
  }
}

/// "f32", "bf16", … as they stand in messages and JSON.
const char* dtype_name(DType type) noexcept;

}  // namespace llava::core
