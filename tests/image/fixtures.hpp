// Files, tables and hashes for the picture tests.
#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace fixtures {

inline std::string test_path(const std::string& relative) { return std::string(LLAVA_TEST_DATA) + "/" + relative; }

inline std::vector<uint8_t> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::vector<uint8_t> picture_bytes(const std::string& name) {
  return read_bytes(test_path("golden/image/pictures/" + name));
}

/// Rows of a tab-separated table.
inline std::vector<std::vector<std::string>> read_table(const std::string& relative) {
  std::ifstream file(test_path(relative));
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::stringstream text(line);
    auto& row = rows.emplace_back();
    for (std::string field; std::getline(text, field, '\t');) row.push_back(field);
  }
  return rows;
}

/// The regular files of a folder under tests/, in order of name.
inline std::vector<std::string> files_in(const std::string& relative) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test_path(relative))) {
    if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Processor time of this process since `start` = std::clock(): other work on the machine does not count.
inline double cpu_seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

inline std::string sha256(const void* data, size_t count) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(data, count, digest, &size, EVP_sha256(), nullptr);
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace fixtures
