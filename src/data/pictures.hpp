// The pictures of records: where they lie, and the pixels of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "data/record.hpp"
#include "image/decode.hpp"
#include "image/preprocess.hpp"

namespace llava::core {

struct PictureRules {
  std::string root;            // folder the paths are relative to; "" = the working folder
  bool allow_outside = false;  // absolute paths, and ".." in them
  PreprocessConfig preprocess;
  bool apply_exif = true;
  int64_t max_pixels = limits::kPicturePixels;
};

/// The file of a path as a record has it. Links are followed. RecordError(picture_path) for a path that is absolute or has
/// "..", unless that is allowed; for a NUL byte always.
std::string picture_path(const Record& record, const std::string& written, const PictureRules& rules);

/// Reads and decodes a picture. RecordError(picture_missing | picture_broken), naming record and file.
Picture load_picture(const Record& record, const std::string& written, const PictureRules& rules, const Cancel& cancel);

/// The header alone: what is there and says it is a picture within the limits.
PictureInfo probe_picture(const Record& record, const std::string& written, const PictureRules& rules);

}  // namespace llava::core
