// Ids of many texts with one tokenizer.json, for compare_tokenizers.py: `tokenizer_ids FILE < texts > ids`.
// In: texts of 4 bytes length (lowest first) and UTF-8. Out: for each a line of ids and a tab and the decoded text's
// FNV-1a. With a second argument "time" the texts are joined, encoded five times, and the best time is printed.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "base/error.hpp"
#include "text/tokenizer.hpp"

namespace {

uint32_t fnv(const std::string& bytes) {
  uint32_t value = 0x811C9DC5u;
  for (const unsigned char byte : bytes) value = (value ^ byte) * 0x01000193u;
  return value;
}

void print_time(const llava::core::Tokenizer& tokenizer, const std::string& text) {
  double best_s = 1e9;
  size_t count = 0;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    count = tokenizer.encode(text).size();
    best_s = std::min(best_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%zu bytes, %zu ids, %.3f s, %.3f s for a megabyte\n", text.size(), count, best_s,
              best_s * 1e6 / static_cast<double>(text.size()));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return 2;
  const std::string input((std::istreambuf_iterator<char>(std::cin)), {});
  try {
    const auto start = std::chrono::steady_clock::now();
    const auto tokenizer = llava::core::Tokenizer::from_json_file(arguments[1]);
    const double load_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::fprintf(stderr, "loaded in %.3f s\n", load_s);
    if (count > 2) {
      print_time(*tokenizer, input);
      return 0;
    }
    std::string out;
    for (size_t at = 0; at + 4 <= input.size();) {
      size_t size = 0;
      for (size_t i = 0; i < 4; ++i) size |= static_cast<size_t>(static_cast<unsigned char>(input[at + i])) << (8 * i);
      const auto ids = tokenizer->encode(std::string_view(input).substr(at + 4, size));
      for (const int32_t id : ids) out += llava::core::cat(id, " ");
      out += llava::core::cat("\t", fnv(tokenizer->decode(ids)), "\n");
      at += 4 + size;
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
  } catch (const llava::core::Error& error) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
    return 1;
  }
  return 0;
}
