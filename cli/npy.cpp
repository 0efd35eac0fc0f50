// NumPy's .npy format, version 1.0.
#include "npy.hpp"

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "failure.hpp"

namespace llava_cli {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes are written as they lie in memory");

std::string header(const std::vector<int64_t>& shape) {
  std::string tuple;
  for (const auto side : shape) tuple += std::to_string(side) + ",";
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + tuple + "), }";
  constexpr size_t kFront = 10, kAlignment = 64;  // magic, version, length; the data begin at a multiple of 64
  while ((kFront + text.size() + 1) % kAlignment) text += ' ';
  text += '\n';
  const auto size = static_cast<uint16_t>(text.size());
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(size & 255) + static_cast<char>(size >> 8) + text;
}

void write(std::ostream& out, const std::vector<int64_t>& shape, const std::vector<float>& values) {
  const auto front = header(shape);
  out.write(front.data(), static_cast<std::streamsize>(front.size()));
  out.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  out.flush();
}

}  // namespace

void write_npy(const std::string& path, const std::vector<int64_t>& shape, const std::vector<float>& values) {
  if (path == "-") {
    return write(std::cout, shape, values);
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (file) write(file, shape, values);
  if (!file) throw FileError(path + ": " + std::strerror(errno));
}

}  // namespace llava_cli
