// Event files, byte for byte as the formats say.
#include "train/tensorboard.hpp"

#include <cstring>

#include "base/files.hpp"
#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"

using namespace llava::core;

namespace {

template <typename Number>
Number number_at(const std::string& bytes, size_t at) {
  Number number;
  REQUIRE(at + sizeof number <= bytes.size());
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

uint32_t masked(std::string_view bytes) {
  const auto crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

/// The messages of a file, each with both sums checked.
std::vector<std::string> messages_of(const std::string& bytes) {
  std::vector<std::string> messages;
  for (size_t at = 0; at < bytes.size();) {
    const auto length = number_at<uint64_t>(bytes, at);
    CHECK(number_at<uint32_t>(bytes, at + 8) == masked(std::string_view(bytes).substr(at, 8)));
    messages.push_back(bytes.substr(at + 12, length));
    CHECK(number_at<uint32_t>(bytes, at + 12 + length) == masked(messages.back()));
    at += 16 + length;
  }
  return messages;
}

}  // namespace

TEST_SUITE("train/tensorboard") {
  TEST_CASE("CRC-32C has its published values") {
    CHECK(crc32c("123456789") == 0xE3069283);              // the check value of the catalogue of CRCs
    CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);    // RFC 3720, B.4
    CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43);  // the same
  }

  TEST_CASE("a file begins with its version and holds each step's numbers") {
    const TemporaryFolder folder;
    TensorboardFile file(folder.path() + "/board");
    file.add(300, {{"loss", 1.5}, {"lr", 0.25}});
    const auto messages = messages_of(read_file(file.path(), 1 << 20));
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].substr(9) == std::string("\x1a\x0d") + "brain.Event:2");
    const std::string loss = std::string("\x0a\x04loss\x15") + std::string("\0\0\xC0\x3F", 4);
    const std::string rate = std::string("\x0a\x02lr\x15") + std::string("\0\0\x80\x3E", 4);
    CHECK(messages[1].substr(9) == std::string("\x10\xAC\x02\x2a\x18\x0a\x0b") + loss + "\x0a\x09" + rate);
  }
}
