// How the tables of option structs are written.
#pragma once

#include <llava/llava.h>

#include <limits>

#include "base/limits.hpp"
#include "options.hpp"

namespace llava::capi {

inline constexpr double kMost32 = std::numeric_limits<int32_t>::max();
inline constexpr double kMost64 = 9.2e18;
inline constexpr double kTextBytes = core::limits::kTextPartBytes;

constexpr Range between(double low, double high) { return {low, high, false, false, 0}; }
constexpr Range or_unset(Range range, double unset = -1) {
  return {range.low, range.high, range.above_low, true, unset};
}
constexpr Range above(double low, double high) { return {low, high, true, false, 0}; }

#define LLAVA_AT(type, field) static_cast<uint32_t>(offsetof(type, field))
#define LLAVA_FIELD(type, field, kind, ...) \
  { #field, FieldKind::kind, LLAVA_AT(type, field) __VA_OPT__(, ) __VA_ARGS__ }
#define LLAVA_CHOICE(type, field, names) \
  { #field, FieldKind::choice, LLAVA_AT(type, field), {}, names }
#define LLAVA_LIST(type, field, kind, count, ...) \
  { #field, FieldKind::kind, LLAVA_AT(type, field), {__VA_ARGS__ }, {}, LLAVA_AT(type, count) }
#define LLAVA_STRUCT(type, defaults, fields) \
  { #type, #type "_init", sizeof(type), sizeof(type), &defaults, fields }

inline constexpr Choice kLabels[] = {{"spans", LLAVA_LABELS_SPANS}, {"upstream", LLAVA_LABELS_UPSTREAM}};

}  // namespace llava::capi
