// Views of a safetensors file, and the writer.
#include "weights/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "weights/safetensors_header.hpp"

namespace llava::core {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and views are not converted");

constexpr size_t kAlignment = 64;  // of the data in the file

[[noreturn]] void misuse(const TensorView& tensor, const std::string& what) {
  throw Error(Status::argument, cat("tensor \"", printable(tensor.name), "\": ", what));
}

void check_tensor(const TensorView& tensor) {
  if (tensor.name.empty() || tensor.name == "__metadata__" || tensor.name.find('\0') != tensor.name.npos ||
      !valid_utf8(tensor.name) || static_cast<int64_t>(tensor.name.size()) > limits::kTensorNameBytes)
    misuse(tensor, "the name cannot stand in a safetensors file");
  if (static_cast<int64_t>(tensor.shape.size()) > limits::kTensorRank)
    misuse(tensor, cat("has ", tensor.shape.size(), " dimensions, at most ", limits::kTensorRank));
  int64_t bytes = static_cast<int64_t>(dtype_bytes(tensor.dtype));
  for (const auto dimension : tensor.shape)
    if (dimension < 0 || __builtin_mul_overflow(bytes, dimension, &bytes))
      misuse(tensor, cat("has the shape ", shape_text(tensor.shape)));
  if (static_cast<size_t>(bytes) != tensor.size_bytes)
    misuse(tensor, cat("has ", tensor.size_bytes, " bytes, ", shape_text(tensor.shape), ' ', dtype_name(tensor.dtype),
                       " takes ", bytes));
}

// wide types first, then by name
std::vector<const TensorView*> in_file_order(std::span<const TensorView> tensors) {
  std::vector<const TensorView*> order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    const auto wide_a = dtype_bytes(a->dtype), wide_b = dtype_bytes(b->dtype);
    return wide_a != wide_b ? wide_a > wide_b : a->name < b->name;
  });
  return order;
}

std::string header_text(const std::vector<const TensorView*>& order,
                        const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) {
    Json table = Json::object();
    for (const auto& [key, value] : metadata) table[key] = value;
    text += "\"__metadata__\":" + table.dump();
  }
  size_t offset = 0;
  for (const auto* tensor : order) {
    const auto end = offset + tensor->size_bytes;
    text +=
        cat(text.size() > 1 ? "," : "", Json(tensor->name).dump(), ":{\"dtype\":\"", safetensors_dtype(tensor->dtype),
            "\",\"shape\":", Json(tensor->shape).dump(), ",\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  text += "}";
  text.append((kAlignment - (text.size() + 8) % kAlignment) % kAlignment, ' ');
  return text;
}

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
  if (options.map) map.add_file(path, file.stamp());
  return map;
}

void write_safetensors(const std::string& path, std::span<const TensorView> tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::set<std::string_view> names;
  for (const auto& tensor : tensors) {
    check_tensor(tensor);
    if (!names.insert(tensor.name).second) misuse(tensor, "stands twice");
  }
  for (const auto& [key, value] : metadata)
    if (!valid_utf8(key) || !valid_utf8(value))
      throw Error(Status::argument, cat("metadata ", printable(key), " is not UTF-8"));
  const auto order = in_file_order(tensors);
  const auto header = header_text(order, metadata);
  if (static_cast<int64_t>(header.size()) > limits::kSafetensorsHeaderBytes)
    throw Error(Status::limit,
                cat(path, ": a header of ", header.size(), " bytes, at most ", limits::kSafetensorsHeaderBytes));
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));
  AtomicFile file(path);
  file.write(length, sizeof length);
  file.write(header);
  for (const auto* tensor : order) file.write(tensor->data, tensor->size_bytes);
  file.commit();
}

}  // namespace llava::core
