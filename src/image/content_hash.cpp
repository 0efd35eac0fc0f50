// SHA-256 by OpenSSL's libcrypto.
#include "image/content_hash.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>

namespace llava::core {
namespace {

constexpr size_t kPieceBytes = 1 << 20;

struct Free {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::array<uint8_t, 8> size_bytes(const Picture& picture) {
  std::array<uint8_t, 8> bytes{};
  for (size_t i = 0; i < 4; ++i) {
    bytes[i] = static_cast<uint8_t>(picture.width >> (8 * i));
    bytes[4 + i] = static_cast<uint8_t>(picture.height >> (8 * i));
  }
  return bytes;
}

}  // namespace

std::string content_hash(const Picture& picture, const Cancel& cancel) {
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  const auto size = size_bytes(picture);
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned count = 0;
  bool fine = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
              EVP_DigestUpdate(context.get(), size.data(), size.size()) == 1;
  for (size_t begin = 0; fine && begin < picture.rgb.size(); begin += kPieceBytes) {
    cancel.poll("hashing a picture");
    const size_t piece = std::min(kPieceBytes, picture.rgb.size() - begin);
    fine = EVP_DigestUpdate(context.get(), picture.rgb.data() + begin, piece) == 1;
  }
  fine = fine && EVP_DigestFinal_ex(context.get(), digest.data(), &count) == 1;
  if (!fine) throw std::bad_alloc();  // SHA-256 cannot fail in another way
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < count; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

const std::string& HashedPicture::hash(const Cancel& cancel) const {
  const std::lock_guard lock(mutex_);
  if (hash_.empty()) hash_ = content_hash(*this, cancel);
  return hash_;
}

}  // namespace llava::core
