// Shards, filled in the order of names.
#include "checkpoint/weight_output.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json_value.hpp"
#include "model/parameters.hpp"
#include "weights/safetensors_writer.hpp"

namespace llava::core {
namespace {

int64_t bytes_of(const OutputTensor& tensor) {
  auto bytes = static_cast<int64_t>(dtype_bytes(tensor.dtype));
  for (const auto side : tensor.shape) bytes *= side;
  return bytes;
}

// Where each shard begins; one more at the end.
std::vector<size_t> cut(const std::vector<OutputTensor>& tensors, int64_t shard_bytes) {
  std::vector<size_t> begins = {0};
  int64_t filled = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto bytes = bytes_of(tensors[i]);
    if (filled > 0 && filled + bytes > shard_bytes) {
      begins.push_back(i);
      filled = 0;
    }
    filled += bytes;
  }
  begins.push_back(tensors.size());
  return begins;
}

std::string five_digits(size_t number) {
  const auto digits = std::to_string(number);
  return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

class FolderWriter {
 public:
  FolderWriter(const std::string& folder, const std::vector<OutputTensor>& tensors, const SaveOptions& options)
      : folder_(folder), tensors_(tensors), options_(options) {
    for (const auto& tensor : tensors) total_bytes_ += bytes_of(tensor);
  }

  void write() {
    const auto begins = cut(tensors_, options_.shard_bytes);
    const size_t shards = begins.size() - 1;
    if (shards == 1) return write_shard("model.safetensors", 0, tensors_.size());
    Json places = Json::object();
    for (size_t i = 0; i < shards; ++i) {
      const auto file = cat("model-", five_digits(i + 1), "-of-", five_digits(shards), ".safetensors");
      write_shard(file, begins[i], begins[i + 1]);
      for (size_t k = begins[i]; k < begins[i + 1]; ++k) places.add(tensors_[k].name, file);
    }
    const auto index =
        Json::object({{"metadata", Json::object({{"total_size", total_bytes_}})}, {"weight_map", places}});
    write_file_atomically(folder_ + "/model.safetensors.index.json", index.dump(2) + "\n");
  }

 private:
  void write_shard(const std::string& file, size_t begin, size_t end) {
    std::vector<TensorOutline> outlines;
    for (size_t i = begin; i < end; ++i) outlines.push_back({tensors_[i].name, tensors_[i].dtype, tensors_[i].shape});
    SafetensorsWriter writer(folder_ + "/" + file, std::move(outlines), {{"format", "pt"}});
    for (const auto index : writer.order()) {
      options_.cancel.poll("save");
      const auto& tensor = tensors_[begin + index];
      const auto values = tensor.make().contiguous();
      writer.write(values.const_data_ptr(), values.nbytes());
      done_bytes_ += bytes_of(tensor);
      if (options_.progress) options_.progress({"save", done_bytes_, total_bytes_, file});
    }
    writer.commit();
  }

  const std::string& folder_;
  const std::vector<OutputTensor>& tensors_;
  const SaveOptions& options_;
  int64_t done_bytes_ = 0, total_bytes_ = 0;
};

}  // namespace

at::Tensor tensor_of(const TensorView& view) {
  auto owner = view.owner;
  auto* data = const_cast<std::byte*>(view.data);  // only read
  const auto options = at::TensorOptions().dtype(scalar_type(view.dtype));
  if (view.size_bytes > 0 && reinterpret_cast<uintptr_t>(data) % dtype_bytes(view.dtype) == 0)
    return at::from_blob(
        data, view.shape, [owner](void*) {}, options);
  auto copy = at::empty(view.shape, options);
  if (view.size_bytes > 0) std::memcpy(copy.mutable_data_ptr(), data, view.size_bytes);
  return copy;
}

DType dtype_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return DType::f32;
    case at::kHalf:
      return DType::f16;
    case at::kBFloat16:
      return DType::bf16;
    default:
      throw Error(Status::unsupported, cat("weights are written as f32, f16 or bf16, not as ", c10::toString(type)));
  }
}

OutputTensor output_of(std::string name, const TensorView& view, std::optional<at::ScalarType> dtype) {
  const bool is_float = view.dtype == DType::f32 || view.dtype == DType::f16 || view.dtype == DType::bf16;
  const auto target = is_float && dtype ? dtype_of(*dtype) : view.dtype;
  return {std::move(name), target, view.shape, [&view, target] { return tensor_of(view).to(scalar_type(target)); }};
}

void write_weights(const std::string& folder, std::vector<OutputTensor> tensors, const SaveOptions& options) {
  if (options.shard_bytes < 1)
    throw Error(Status::argument, cat("shard_bytes is ", options.shard_bytes, ", expected at least 1"));
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  FolderWriter(folder, tensors, options).write();
}

}  // namespace llava::core
