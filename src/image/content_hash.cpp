// SHA-256 by OpenSSL's libcrypto.
#include "image/content_hash.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/error.hpp"

namespace llava::core {
namespace {

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

std::string content_hash(const Picture& picture) {
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  const auto size = size_bytes(picture);
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned count = 0;
  const bool done = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), size.data(), size.size()) == 1 &&
                    EVP_DigestUpdate(context.get(), picture.rgb.data(), picture.rgb.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(), digest.data(), &count) == 1;
  if (!done) throw Error(Status::internal, "SHA-256 of a picture could not be computed");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < count; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace llava::core
