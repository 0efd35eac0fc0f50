#include "data/pictures.hpp"

#include <algorithm>
#include <span>

#include "base/files.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

bool leaves_root(const std::string& path) {
  if (path.front() == '/') return true;
  for (size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (path.compare(begin, end - begin, "..") == 0) return true;
    begin = end + 1;
  }
  return false;
}

DecodeOptions decode_options(const PictureRules& rules, const Cancel& cancel) {
  DecodeOptions options;
  options.apply_exif = rules.apply_exif;
  options.max_pixels = rules.max_pixels;
  options.cancel = cancel;
  return options;
}

std::string file_bytes(const std::string& path) { return read_file(path, limits::kPictureBytes); }

/// Calls `use(bytes, path)`, and says of what fails which record it was.
template <typename Use>
auto with_bytes(const Record& record, const std::string& written, const PictureRules& rules, Use&& use) {
  const auto path = picture_path(record, written, rules);
  try {
    const auto bytes = file_bytes(path);
    return use(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()), printable(written));
  } catch (const Error& error) {
    const auto status = error.status();
    if (status == Status::cancelled || status == Status::timeout || status == Status::out_of_memory) throw;
    const auto problem = status == Status::not_found ? DataProblem::picture_missing : DataProblem::picture_broken;
    throw RecordError(problem, status, cat(record.where, ": ", error.message()));
  }
}

}  // namespace

std::string picture_path(const Record& record, const std::string& written, const PictureRules& rules) {
  if (written.find('\0') != written.npos)
    record.refuse(DataProblem::picture_path, "the picture \"", printable(written), "\" has a NUL byte in its name");
  if (leaves_root(written) && !rules.allow_outside)
    record.refuse(DataProblem::picture_path, "the picture \"", printable(written),
                  "\" lies outside of the folder of pictures; paths are relative to it and have no \"..\"");
  if (rules.root.empty() || written.front() == '/') return written;
  return rules.root + (rules.root.back() == '/' ? "" : "/") + written;
}

Picture load_picture(const Record& record, const std::string& written, const PictureRules& rules,
                     const Cancel& cancel) {
  return with_bytes(record, written, rules, [&](std::span<const uint8_t> bytes, const std::string& name) {
    return decode_picture(bytes, name, decode_options(rules, cancel));
  });
}

PictureInfo probe_picture(const Record& record, const std::string& written, const PictureRules& rules) {
  return with_bytes(record, written, rules, [&](std::span<const uint8_t> bytes, const std::string& name) {
    return probe_picture(bytes, name, decode_options(rules, {}));
  });
}

}  // namespace llava::core
