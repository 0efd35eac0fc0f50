// Mapped views to tensors, with one report for everything that does not fit.
#include "model/parameters.hpp"

#include <ATen/ops/from_blob.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "model/weight_names.hpp"

namespace llava::core {
namespace {

constexpr size_t kNamed = 10;  // tensors named in one message

std::string first_ten(const char* what, const std::vector<std::string>& names) {
  std::string text = cat(names.size(), ' ', what, ": ");
  for (size_t i = 0; i < std::min(names.size(), kNamed); ++i) text += cat(i ? ", " : "", names[i]);
  return names.size() > kNamed ? text + ", …" : text;
}

bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

int64_t product(const std::vector<int64_t>& shape, size_t from) {
  int64_t count = 1;
  for (size_t i = from; i < shape.size(); ++i) count *= shape[i];
  return count;
}

}  // namespace

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    default:
      throw Error(Status::unsupported, cat("weights of type ", dtype_name(dtype), " are not computed with"));
  }
}

Parameters::Parameters(const TensorMap& map, const ModelConfig& config, Placement placement, Cancel cancel)
    : placement_(placement), cancel_(cancel), needed_blocks_(config.vision_blocks_for(config.feature_layer)) {
  for (const auto& view : map.all()) {
    std::string_view layout;
    auto name = canonical_name(view.name, &layout);
    if (name.empty()) {
      unknown_.push_back(view.name);
      continue;
    }
    if (layout_.empty() || name == "language.norm.weight") layout_ = layout;
    if (place_.empty()) place_ = view.file;
    found_.emplace(std::move(name), &view);
  }
  const auto table = found_.find("language.embed_tokens.weight");
  if (table != found_.end() && is_float(table->second->dtype))
    activations_ = placement_.activations(scalar_type(table->second->dtype));
}

const TensorView* Parameters::look_up(const std::string& name, const std::vector<int64_t>& shape) {
  cancel_.poll("load");
  taken_[name] = true;
  const auto entry = found_.find(name);
  if (entry == found_.end()) {
    missing_.push_back(name);
    return nullptr;
  }
  const auto& view = *entry->second;
  if (view.shape != shape) {
    misfits_.push_back(cat(view.name, " is ", shape_text(view.shape), ' ', dtype_name(view.dtype),
                           ", config.json expects ", shape_text(shape)));
    return nullptr;
  }
  if (!is_float(view.dtype)) {
    misfits_.push_back(cat(view.name, " is ", dtype_name(view.dtype), ", expected f32, f16 or bf16"));
    return nullptr;
  }
  return &view;
}

at::Tensor Parameters::as_tensor(const TensorView& view, at::ScalarType dtype) const {
  auto owner = view.owner;
  auto* data = const_cast<std::byte*>(view.data);  // mapped read-only; the model never writes to a weight
  const auto stored = at::TensorOptions().dtype(scalar_type(view.dtype));
  at::Tensor tensor;
  if (reinterpret_cast<uintptr_t>(data) % dtype_bytes(view.dtype) == 0) {
    tensor = at::from_blob(
        data, view.shape, [owner](void*) {}, stored);
  } else {  // the format does not promise alignment
    tensor = at::empty(view.shape, stored);
    std::memcpy(tensor.mutable_data_ptr(), data, view.size_bytes);
  }
  return tensor.to(placement_.device, dtype, /*non_blocking=*/false, /*copy=*/false);
}

at::Tensor Parameters::take(const std::string& name, const std::vector<int64_t>& shape) {
  const auto* view = look_up(name, shape);
  return view ? as_tensor(*view, activations_) : at::Tensor();
}

Weight Parameters::take_matrix(const std::string& name, const std::vector<int64_t>& shape) {
  const auto* view = look_up(name, shape);
  if (!view) return Weight();
  const auto dtype = placement_.device.is_cpu() ? placement_.weights.value_or(scalar_type(view->dtype)) : activations_;
  return Weight(as_tensor(*view, dtype).view({shape[0], product(shape, 1)}));
}

std::vector<std::string> Parameters::leftovers() const {
  auto names = unknown_;
  for (const auto& [name, view] : found_)
    if (!taken_.count(name) && !is_unused_tensor(name, needed_blocks_)) names.push_back(view->name);
  return names;
}

void Parameters::finish() const {
  if (!missing_.empty() || !misfits_.empty()) {
    std::string text = place_.empty() ? std::string("weights") : place_;
    if (!misfits_.empty()) text += ": " + first_ten("tensors do not fit", misfits_);
    if (!missing_.empty()) text += ": " + first_ten("tensors are missing", missing_);
    throw Error(misfits_.empty() ? Status::not_found : Status::format, text);
  }
  const auto unused = leftovers();
  if (!unused.empty()) log_warning(place_ + ": " + first_ten("tensors are not used", unused));
}

}  // namespace llava::core
