// What the tests of this folder share: the test tokenizer, the goldens, short makers.
#pragma once

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "text/conversation.hpp"
#include "text/detokenizer.hpp"
#include "text/prompt.hpp"
#include "text/render.hpp"
#include "text/templates.hpp"
#include "text/tokenizer.hpp"

namespace llava::test {

inline const std::string kData = LLAVA_TEST_DATA;

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

inline nlohmann::json read_json(const std::string& path) { return nlohmann::json::parse(read_file(path)); }

inline std::shared_ptr<const core::Tokenizer> test_tokenizer() {
  static const auto tokenizer = core::Tokenizer::from_file(kData + "/golden/text/test_tokenizer.model");
  return tokenizer;
}

inline core::Message user(std::vector<core::Part> parts) { return {core::Role::user, std::move(parts)}; }
inline core::Message user(const std::string& text) { return user(std::vector<core::Part>{core::Part::words(text)}); }
inline core::Message assistant(const std::string& text) { return {core::Role::assistant, {core::Part::words(text)}}; }

/// One user message, "[image, text]" as most questions are.
inline core::Conversation ask(const std::string& text, bool image = true) {
  std::vector<core::Part> parts;
  if (image) parts.push_back(core::Part::image());
  parts.push_back(core::Part::words(text));
  return {std::nullopt, {user(parts)}};
}

inline std::vector<int64_t> wide(const std::vector<int32_t>& ids) { return {ids.begin(), ids.end()}; }

/// Lines of a .tsv, comments and empty ones left out, split at tabs.
inline std::vector<std::vector<std::string>> read_table(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> cells(1);
    for (const char c : line) {
      if (c == '\t') {
        cells.emplace_back();
      } else {
        cells.back().push_back(c);
      }
    }
    rows.push_back(cells);
  }
  return rows;
}

}  // namespace llava::test
