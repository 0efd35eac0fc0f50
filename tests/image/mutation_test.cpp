// Ten thousand pictures with random damage: each ends with a picture or a documented status, within a second. The same
// program runs under ASan and UBSan (preset asan). LLAVA_MUTATIONS raises the number, LLAVA_MUTATION_SEED changes the
// run.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "image/decode.hpp"
#include "image/fixtures.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace fixtures;

namespace {

using Bytes = std::vector<uint8_t>;
using Random = std::mt19937_64;

size_t below(Random& random, size_t bound) { return bound == 0 ? 0 : random() % bound; }

uint8_t odd_byte(Random& random) {
  constexpr uint8_t kOdd[] = {0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, 0xD8, 0xDA, 0xC4};
  return below(random, 2) == 0 ? kOdd[below(random, std::size(kOdd))] : static_cast<uint8_t>(random());
}

void damage(Bytes& bytes, const Bytes& other, Random& random) {
  const auto at = below(random, bytes.size());
  const auto count = std::min(bytes.size() - at, 1 + below(random, 16));
  const auto here = bytes.begin() + static_cast<ptrdiff_t>(at);
  switch (below(random, 7)) {
    case 0:
      bytes[at] ^= static_cast<uint8_t>(1u << below(random, 8));
      break;
    case 1:
      bytes[at] = odd_byte(random);
      break;
    case 2:
      std::fill_n(here, count, odd_byte(random));
      break;
    case 3:
      bytes.erase(here, here + static_cast<ptrdiff_t>(count));
      break;
    case 4:
      bytes.insert(here, count, odd_byte(random));
      break;
    case 5:
      bytes.resize(at + 1);
      break;
    default: {  // a piece of another picture
      const auto from = below(random, other.size());
      const auto length = std::min({count * 4, other.size() - from, bytes.size() - at});
      std::copy_n(other.begin() + static_cast<ptrdiff_t>(from), length, here);
    }
  }
  if (bytes.empty()) bytes.push_back(0);
}

/// Makes the checksums of a PNG right again, so that damage reaches the pixel reader.
void mend_png(Bytes& bytes) {
  const auto crc = [&](size_t at, size_t count) {
    uint32_t value = 0xFFFFFFFF;
    for (size_t i = 0; i < count; ++i) {
      value ^= bytes[at + i];
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
    }
    return ~value;
  };
  for (size_t at = 8; at + 12 <= bytes.size();) {
    const size_t length =
        size_t{bytes[at]} << 24 | size_t{bytes[at + 1]} << 16 | size_t{bytes[at + 2]} << 8 | bytes[at + 3];
    if (length > bytes.size() - at - 12) return;
    const auto value = crc(at + 4, length + 4);
    for (size_t i = 0; i < 4; ++i) bytes[at + 8 + length + i] = static_cast<uint8_t>(value >> (24 - 8 * i));
    at += 12 + length;
  }
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const auto& name : files_in("golden/image/pictures")) {
#ifndef LLAVA_WITH_WEBP
    if (name.ends_with(".webp")) continue;
#endif
    all.push_back(picture_bytes(name));
  }
  for (const auto& name : files_in("bad/pictures")) {
    auto bytes = read_bytes(test_path("bad/pictures/" + name));
    if (!bytes.empty() && !name.ends_with(".tsv")) all.push_back(std::move(bytes));
  }
  return all;
}

size_t number_from(const char* variable, size_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? static_cast<size_t>(std::atoll(text)) : otherwise;
}

bool is_documented(Status status) {
  return status == Status::ok || status == Status::format || status == Status::unsupported || status == Status::limit;
}

/// Decodes, checks the picture, and gives the status.
Status outcome(const Bytes& bytes) {
  DecodeOptions options;
  options.max_pixels = 4 << 20;
  try {
    const auto picture = decode_picture(bytes, "mutant", options);
    CHECK(picture.rgb.size() == static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height) * 3);
    const auto info = probe_picture(bytes, "mutant", options);
    CHECK(info.width == picture.width);
    CHECK(info.height == picture.height);
    return Status::ok;
  } catch (const Error& error) {
    CHECK(error.message().starts_with("mutant: "));
    return error.status();
  }
}

}  // namespace

TEST_SUITE("image/mutation") {
  TEST_CASE("10 000 damaged pictures end with a picture or a documented status, each within a second") {
    const auto originals = seeds();
    Random random(number_from("LLAVA_MUTATION_SEED", 20231));
    std::map<Status, int> counts;
    double slowest = 0;
    for (size_t i = 0; i < number_from("LLAVA_MUTATIONS", 10'000); ++i) {
      auto bytes = originals[below(random, originals.size())];
      const auto& other = originals[below(random, originals.size())];
      for (size_t rounds = 1 + below(random, 4); rounds > 0; --rounds) damage(bytes, other, random);
      if (bytes[0] == 0x89 && below(random, 4) != 0) mend_png(bytes);
      CAPTURE(i);
      const auto start = std::clock();
      const auto status = outcome(bytes);
      slowest = std::max(slowest, cpu_seconds_since(start));
      CHECK(is_documented(status));
      ++counts[status];
    }
    CHECK(slowest < 1.0);
    CHECK(counts[Status::ok] > 0);
    CHECK(counts[Status::format] > 0);
    MESSAGE(cat("read ", counts[Status::ok], ", format ", counts[Status::format], ", unsupported ",
                counts[Status::unsupported], ", limit ", counts[Status::limit], "; slowest ", slowest, " s"));
  }
}
