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

}  // namespace llava::core
