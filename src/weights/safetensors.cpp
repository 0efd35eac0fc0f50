// Views of a safetensors file.
#include "weights/safetensors.hpp"

#include <bit>

#include "base/error.hpp"
#include "base/files.hpp"
#include "weights/safetensors_header.hpp"

namespace llava::core {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and views are not converted");

}  // namespace

TensorMap open_safetensors(const std::string& path, const OpenOptions& options) {
  FileReading how;
  how.map = options.map;
  how.cancel = options.cancel;
  const auto name = path.substr(path.find_last_of('/') + 1);
  if (options.progress) how.progress = [&](int64_t done, int64_t total) { options.progress(done, total, name); };
  const auto file = MappedFile::open(path, how);
  auto header = parse_safetensors_header({file.data(), file.size()}, static_cast<int64_t>(file.size()), name);
  TensorMap map;
  for (auto& tensor : header.tensors) {
    TensorView view;
    view.name = std::move(tensor.name);
    view.dtype = tensor.dtype;
    view.shape = std::move(tensor.shape);
    view.data = file.data() + header.data_offset + tensor.begin;
    view.size_bytes = static_cast<size_t>(tensor.end - tensor.begin);
    view.file = name;
    view.owner = file.owner();
    map.add(std::move(view));
  }
  if (options.map) map.add_file(mapped_source(file));
  return map;
}

}  // namespace llava::core
