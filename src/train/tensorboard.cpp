#include "train/tensorboard.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/system_reason.hpp"

namespace llava::core {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // 0x1EDC6F41 reflected
constexpr uint32_t kMask = 0xA282EAD8;        // record_writer's, so that a CRC of CRCs is none

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value & 1 ? value >> 1 ^ kPolynomial : value >> 1;
    table[i] = value;
  }
  return table;
}

template <typename Number>
std::string little_endian(Number number) {
  static_assert(std::endian::native == std::endian::little);
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string masked_crc(std::string_view bytes) {
  const auto crc = crc32c(bytes);
  return little_endian((crc >> 15 | crc << 17) + kMask);
}

std::string varint(uint64_t value) {
  std::string text;
  for (; value >= 0x80; value >>= 7) text += static_cast<char>(value | 0x80);
  return text + static_cast<char>(value);
}

// The wire types of protocol buffers: 0 varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes.
std::string key(uint32_t field, uint32_t wire) { return varint(field << 3 | wire); }
std::string bytes_field(uint32_t field, std::string_view bytes) {
  return key(field, 2) + varint(bytes.size()) + std::string(bytes);
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr auto table = make_table();
  uint32_t value = ~uint32_t{0};
  for (const char byte : bytes) value = table[(value ^ static_cast<uint8_t>(byte)) & 255] ^ value >> 8;
  return ~value;
}

TensorboardFile::TensorboardFile(const std::string& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw Error(Status::io, cat(folder, ": cannot be made: ", failure.message()));
  path_ = cat(folder, "/events.out.tfevents.", static_cast<long long>(now_seconds()), ".llava-",
              static_cast<long long>(::getpid()));
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw Error(Status::io, cat(path_, ": cannot be made: ", system_reason(errno)));
  write(key(1, 1) + little_endian(now_seconds()) + bytes_field(3, "brain.Event:2"));
}

TensorboardFile::~TensorboardFile() {
  if (descriptor_ >= 0 && ::close(descriptor_) != 0)
    log_warning(cat(path_, ": cannot be closed, its last steps may be lost: ", system_reason(errno)));
}

void TensorboardFile::write(const std::string& message) {
  const auto length = little_endian(static_cast<uint64_t>(message.size()));
  const auto record = length + masked_crc(length) + message + masked_crc(message);
  const auto written = ::write(descriptor_, record.data(), record.size());
  if (written != static_cast<ssize_t>(record.size()))
    throw Error(Status::io, cat(path_, ": cannot be written: ", system_reason(written < 0 ? errno : ENOSPC)));
}

void TensorboardFile::add(int64_t step, const std::vector<std::pair<std::string_view, double>>& scalars) {
  std::string summary;
  for (const auto& [tag, value] : scalars)
    summary += bytes_field(1, bytes_field(1, tag) + key(2, 5) + little_endian(static_cast<float>(value)));
  write(key(1, 1) + little_endian(now_seconds()) + key(2, 0) + varint(static_cast<uint64_t>(step)) +
        bytes_field(5, summary));
}

}  // namespace llava::core
