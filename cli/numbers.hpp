// Checks of numbers on the command line, with messages that a person reads.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>

namespace llava_cli {

/// A whole number from `least` to `most`: `--top-k: "x" is no whole number of at least 0`.
CLI::Validator whole_number(int64_t least, int64_t most = std::numeric_limits<int64_t>::max());

/// The same where a field of 32 bits takes it.
inline CLI::Validator small_number(int32_t least) { return whole_number(least, std::numeric_limits<int32_t>::max()); }

/// A finite number from `least` on, or, with `above`, only beyond it.
enum class Bound { from, above };
CLI::Validator number(Bound bound, double least);

/// A number from 0 to 1.
CLI::Validator share();

}  // namespace llava_cli
