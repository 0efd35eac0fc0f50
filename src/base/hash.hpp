// Content hashes: XXH3-128 (Collet, xxHash 0.8), for fingerprints and cache keys, not against an adversary.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace llava::core {

/// 16 bytes in XXH3's canonical (big-endian) order.
using Hash128 = std::array<uint8_t, 16>;

Hash128 hash_bytes(const void* data, size_t size_bytes) noexcept;
inline Hash128 hash_bytes(std::string_view text) noexcept { return hash_bytes(text.data(), text.size()); }

/// The hash of pieces, equal to that of their concatenation.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  Hasher& add(const void* data, size_t size_bytes) noexcept;
  Hasher& add(std::string_view text) noexcept { return add(text.data(), text.size()); }

  /// A number as 8 little-endian bytes, and a text with its length in front: fields that cannot run into each other.
  Hasher& add_number(int64_t number) noexcept;
  Hasher& add_field(std::string_view text) noexcept { return add_number(static_cast<int64_t>(text.size())).add(text); }

  Hash128 digest() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Lower-case hex, 32 digits for a Hash128.
std::string to_hex(const void* data, size_t size_bytes);
inline std::string to_hex(const Hash128& hash) { return to_hex(hash.data(), hash.size()); }

}  // namespace llava::core
