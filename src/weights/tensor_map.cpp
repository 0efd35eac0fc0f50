// Named tensor views.
#include "weights/tensor_map.hpp"

#include <filesystem>
#include <utility>

#include "base/error.hpp"
#include "base/limits.hpp"
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

MappedSource mapped_source(const MappedFile& file) {
  std::error_code unknown;
  const auto path = std::filesystem::absolute(file.path(), unknown);
  return {unknown ? file.path() : path.string(), file.stamp(), file.owner()};
}

void check_unchanged(const std::vector<MappedSource>& files) {
  for (const auto& [path, before, memory] : files) {
    if (memory.expired()) continue;
    const auto found = find_file_stamp(path);
    if (!found || found->inode != before.inode || found->device != before.device) continue;
    if (found->size == before.size && found->modified_ns == before.modified_ns) continue;
    const auto slash = path.find_last_of('/');
    const auto what = found->size != before.size ? cat("changed from ", before.size, " to ", found->size, " bytes")
                                                 : std::string("was written to");
    throw Error(Status::io,
                cat(printable(path.substr(slash + 1)), ": ", what, " since it was opened in ",
                    printable(path.substr(0, slash), limits::kPathBytes),
                    "; open models need their files unchanged, unless they are loaded without mapping (no_mmap)"));
  }
}

}  // namespace llava::core
