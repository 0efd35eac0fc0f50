// Writing safetensors files.
#include "weights/safetensors_writer.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "weights/safetensors.hpp"
#include "weights/safetensors_header.hpp"

namespace llava::core {
namespace {

constexpr size_t kAlignment = 64;  // of the data in the file

[[noreturn]] void misuse(const TensorOutline& tensor, const std::string& what) {
  throw Error(Status::argument, cat("tensor \"", printable(tensor.name), "\": ", what));
}

size_t checked_bytes(const TensorOutline& tensor) {
  if (tensor.name.empty() || tensor.name == "__metadata__" || tensor.name.find('\0') != tensor.name.npos ||
      !valid_utf8(tensor.name) || static_cast<int64_t>(tensor.name.size()) > limits::kTensorNameBytes)
    misuse(tensor, "the name cannot stand in a safetensors file");
  if (static_cast<int64_t>(tensor.shape.size()) > limits::kTensorRank)
    misuse(tensor, cat("has ", tensor.shape.size(), " dimensions, at most ", limits::kTensorRank));
  int64_t bytes = static_cast<int64_t>(dtype_bytes(tensor.dtype));
  for (const auto dimension : tensor.shape)
    if (dimension < 0 || __builtin_mul_overflow(bytes, dimension, &bytes))
      misuse(tensor, cat("has the shape ", shape_text(tensor.shape)));
  return static_cast<size_t>(bytes);
}

std::vector<size_t> wide_first(const std::vector<TensorOutline>& tensors) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const auto wide_a = dtype_bytes(tensors[a].dtype), wide_b = dtype_bytes(tensors[b].dtype);
    return wide_a != wide_b ? wide_a > wide_b : tensors[a].name < tensors[b].name;
  });
  return order;
}

void check_metadata(const SafetensorsMetadata& metadata) {
  for (const auto& [key, value] : metadata)
    if (!valid_utf8(key) || !valid_utf8(value))
      throw Error(Status::argument, cat("metadata ", printable(key), " is not UTF-8"));
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::string& path, std::vector<TensorOutline> tensors,
                                     const SafetensorsMetadata& metadata)
    : path_(path), tensors_(std::move(tensors)), order_(wide_first(tensors_)), file_(path) {
  std::set<std::string_view> names;
  for (const auto& tensor : tensors_) {
    sizes_.push_back(checked_bytes(tensor));
    if (!names.insert(tensor.name).second) misuse(tensor, "stands twice");
  }
  check_metadata(metadata);
  const auto header = header_text(metadata);
  if (static_cast<int64_t>(header.size()) > limits::kSafetensorsHeaderBytes)
    throw Error(Status::limit,
                cat(path, ": a header of ", header.size(), " bytes, at most ", limits::kSafetensorsHeaderBytes));
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));
  file_.write(length, sizeof length);
  file_.write(header);
}

std::string SafetensorsWriter::header_text(const SafetensorsMetadata& metadata) const {
  std::string text = "{";
  if (!metadata.empty()) {
    Json table = Json::object();
    for (const auto& [key, value] : metadata) table.set(key, value);
    text += "\"__metadata__\":" + table.dump();
  }
  size_t offset = 0;
  for (const auto index : order_) {
    const auto& tensor = tensors_[index];
    const auto end = offset + sizes_[index];
    text += cat(text.size() > 1 ? "," : "", Json(tensor.name).dump(), ":{\"dtype\":\"", safetensors_dtype(tensor.dtype),
                "\",\"shape\":", Json(tensor.shape).dump(), ",\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  text += "}";
  text.append((kAlignment - (text.size() + 8) % kAlignment) % kAlignment, ' ');
  return text;
}

void SafetensorsWriter::write(const void* data, size_t size_bytes) {
  if (written_ == order_.size()) throw Error(Status::internal, cat(path_, ": all tensors have been written"));
  const auto index = order_[written_];
  if (size_bytes != sizes_[index])
    misuse(tensors_[index], cat("has ", size_bytes, " bytes, ", shape_text(tensors_[index].shape), ' ',
                                dtype_name(tensors_[index].dtype), " takes ", sizes_[index]));
  file_.write(data, size_bytes);
  ++written_;
}

void SafetensorsWriter::commit() {
  if (written_ != order_.size())
    throw Error(Status::internal, cat(path_, ": ", written_, " of ", order_.size(), " tensors have been written"));
  file_.commit();
}

void write_safetensors(const std::string& path, std::span<const TensorView> tensors,
                       const SafetensorsMetadata& metadata) {
  std::vector<TensorOutline> outlines;
  for (const auto& tensor : tensors) outlines.push_back({tensor.name, tensor.dtype, tensor.shape});
  SafetensorsWriter writer(path, std::move(outlines), metadata);
  for (const auto index : writer.order()) writer.write(tensors[index].data, tensors[index].size_bytes);
  writer.commit();
}

}  // namespace llava::core
