// The header of a safetensors file: 8 bytes of length, a JSON object of names, types, shapes and offsets, then the
// data. Format: https://github.com/huggingface/safetensors#format. Reading it touches no weight.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/dtype.hpp"

namespace llava::core {

struct TensorHeader {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  int64_t begin = 0;  // bytes into the data, which begin at SafetensorsHeader::data_offset
  int64_t end = 0;
};

struct SafetensorsHeader {
  int64_t data_offset = 0;            // of the data in the file
  std::vector<TensorHeader> tensors;  // by offset; without hole or overlap they fill the rest of the file
  std::vector<std::pair<std::string, std::string>> metadata;  // __metadata__, in file order
};

/// Parses and checks a header.
///
///   file        the beginning of the file, at least its header (where the file has so much); the whole file is fine
///   file_bytes  the size of the whole file
///   where       names the file in messages
///
/// Throws Error(format) for anything the format does not allow, and for duplicate names, which the reference reader
/// lets pass; Error(limit) for a header over 100 MB, more than a million tensors, more than 8 dimensions, a name over 4
/// KiB; Error(unsupported) for the types the format knows and no model here is computed in (F8_E4M3, U16, C64 …).
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, int64_t file_bytes, std::string_view where);

/// The same from a file, of which only the header is read. Also Error(not_found | io).
SafetensorsHeader read_safetensors_header(const std::string& path);

/// The name of a type in the format: "BF16".
const char* safetensors_dtype(DType type);

}  // namespace llava::core
