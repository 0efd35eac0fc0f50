// A name for what a picture shows, for caches and for `llava_image_info`.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "base/cancel.hpp"
#include "image/picture.hpp"

namespace llava::core {

/// SHA-256 in 64 lower-case hex digits, over width and height (int32, little-endian) and then the RGB bytes. Equal
/// pictures have equal hashes, whatever file they came from. `cancel` is polled every MiB.
std::string content_hash(const Picture& picture, const Cancel& cancel = {});

/// A picture that changes no more, with its hash once somebody has asked for it: 50 megapixels take 0.2 s to hash.
class HashedPicture : public Picture {
 public:
  explicit HashedPicture(Picture picture) : Picture(std::move(picture)) {}

  /// Computed by the first call that is not cancelled. Any number of threads may ask.
  const std::string& hash(const Cancel& cancel = {}) const;

 private:
  mutable std::mutex mutex_;
  mutable std::string hash_;
};

}  // namespace llava::core
