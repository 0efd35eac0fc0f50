// XXH3-128 from the header of libxxhash; nothing is linked.
#include "base/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace llava::core {
namespace {

Hash128 canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Hash128 out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = bytes.digest[i];
  return out;
}

}  // namespace

struct Hasher::State {
  XXH3_state_t xxh;
};

Hash128 hash_bytes(const void* data, size_t size_bytes) noexcept { return canonical(XXH3_128bits(data, size_bytes)); }

Hasher::Hasher() : state_(std::make_unique<State>()) {
  XXH3_INITSTATE(&state_->xxh);
  XXH3_128bits_reset(&state_->xxh);
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::add(const void* data, size_t size_bytes) noexcept {
  if (size_bytes) XXH3_128bits_update(&state_->xxh, data, size_bytes);
  return *this;
}

Hasher& Hasher::add_number(int64_t number) noexcept {
  uint8_t bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(static_cast<uint64_t>(number) >> (8 * i));
  return add(bytes, sizeof bytes);
}

Hash128 Hasher::digest() const noexcept { return canonical(XXH3_128bits_digest(&state_->xxh)); }

std::string to_hex(const void* data, size_t size_bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto* bytes = static_cast<const uint8_t*>(data);
  std::string text;
  text.reserve(2 * size_bytes);
  for (size_t i = 0; i < size_bytes; ++i) text += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]};
  return text;
}

}  // namespace llava::core
