// A name for what a picture shows, for caches and for `llava_image_info`.
#pragma once

#include <string>

#include "image/picture.hpp"

namespace llava::core {

/// SHA-256 in 64 lower-case hex digits, over width and height (int32, little-endian) and then the RGB bytes. Equal
/// pictures have equal hashes, whatever file they came from.
std::string content_hash(const Picture& picture);

}  // namespace llava::core
