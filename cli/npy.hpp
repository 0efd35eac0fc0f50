// NumPy's .npy files: little-endian f32, C order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace llava_cli {

/// Writes `values` with `shape`; "-" is standard output. Throws FileError naming path and reason.
/// Format: numpy.lib.format, version 1.0.
void write_npy(const std::string& path, const std::vector<int64_t>& shape, const std::vector<float>& values);

}  // namespace llava_cli
