// expected.tsv of a folder in tests/bad: file, status, piece of the message.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

struct Expected {
  std::string file;    // relative to the folder
  std::string status;  // as status_name() says: "OK", "FORMAT", …
  std::string piece;   // of the message; empty for OK
};

inline std::vector<Expected> read_expected(const std::string& folder) {
  std::ifstream table(folder + "/expected.tsv");
  std::vector<Expected> rows;
  for (std::string line; std::getline(table, line);) {
    const auto first = line.find('\t'), second = line.find('\t', first + 1);
    if (second == line.npos) throw std::runtime_error(folder + "/expected.tsv: " + line);
    rows.push_back({line.substr(0, first), line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  return rows;
}

/// The bytes of a file, without the reader that is being tested.
inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
