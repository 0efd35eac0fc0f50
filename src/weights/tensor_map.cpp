// Named tensor views.
#include "weights/tensor_map.hpp"

#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace llava::core {

void TensorMap::add(TensorView view) {
  const auto [entry, fresh] = index_.emplace(view.name, views_.size());
  if (!fresh)
    throw Error(Status::format,
                cat(view.file, ": tensor \"", printable(view.name), "\" is in ", views_[entry->second].file, " too"));
  size_bytes_ += static_cast<int64_t>(view.size_bytes);
  views_.push_back(std::move(view));
}

const TensorView* TensorMap::find(std::string_view name) const {
  const auto entry = index_.find(name);
  return entry == index_.end() ? nullptr : &views_[entry->second];
}

void check_unchanged(const std::vector<MappedSource>& files) {
  for (const auto& [path, before] : files) {
    if (!file_exists(path)) continue;
    const auto now = file_stamp(path);
    if (now.inode != before.inode || now.device != before.device) continue;
    const auto name = printable(path.substr(path.find_last_of('/') + 1));
    if (now.size != before.size)
      throw Error(Status::io, cat(name, ": changed from ", before.size, " to ", now.size,
                                  " bytes since it was opened; open models need their files unchanged"));
    if (now.modified_ns != before.modified_ns)
      throw Error(Status::io,
                  cat(name, ": was written to since it was opened; open models need their files unchanged"));
  }
}

}  // namespace llava::core
