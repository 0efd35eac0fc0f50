// Mapped views to tensors, with one report for everything that does not fit.
#include "model/parameters.hpp"

#include <ATen/ops/from_blob.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "model/weight_names.hpp"

namespace llava::core {
namespace {

bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

int64_t product(const std::vector<int64_t>& shape, size_t from) {
  int64_t count = 1;
  for (size_t i = from; i < shape.size(); ++i) count *= shape[i];
  return count;
}

}  // namespace

std::string first_ten(const char* what, const std::vector<std::string>& names) {
  constexpr size_t kNamed = 10;
  std::string text = cat(names.size(), ' ', what, ": ");
  for (size_t i = 0; i < std::min(names.size(), kNamed); ++i) text += cat(i ? ", " : "", names[i]);
  return names.size() > kNamed ? text + ", …" : text;
}

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    case DType::f64:
      return at::kDouble;
    case DType::i64:
      return at::kLong;
    case DType::i32:
      return at::kInt;
    case DType::i16:
      return at::kShort;
    case DType::i8:
      return at::kChar;
    case DType::u8:
      return at::kByte;
    case DType::boolean:
      return at::kBool;
  }
  throw Error(Status::internal, "a number type without a name");
}

Parameters::Parameters(const NamedTensors& tensors, const ModelConfig& config, Placement placement, Cancel cancel,
                       Purpose purpose)
    : tensors_(&tensors), purpose_(purpose), cancel_(cancel), needed_blocks_(config.needed_vision_blocks()) {
  place_on(placement);
}

void Parameters::place_on(Placement placement) {
  placement_ = placement;
  const auto table = tensors_->found.find("language.embed_tokens.weight");
  if (table != tensors_->found.end() && is_float(table->second.dtype))
    activations_ = placement_.activations(scalar_type(table->second.dtype));
}

Parameters::Parameters(std::shared_ptr<const HeldTensors> held, const Adaptation& adaptation, double scale,
                       Placement placement, at::ScalarType activations)
    : before_(std::move(held)),
      adaptation_(&adaptation),
      scale_(scale),
      purpose_(Purpose::load),
      placement_(placement),
      activations_(activations) {}

const TensorView* Parameters::look_up(const std::string& name, const std::vector<int64_t>& shape, bool matrix) {
  cancel_.poll("load");
  asked_.insert(name);
  const auto entry = tensors_->found.find(name);
  if (entry == tensors_->found.end()) {
    faults_.missing.push_back(name);
    return nullptr;
  }
  const auto& view = entry->second;
  const auto found = [&] {
    return cat(view.file, ": ", view.name, " is ", shape_text(view.shape), ' ', dtype_name(view.dtype));
  };
  if (view.shape != shape) {
    faults_.misfits.push_back(cat(found(), ", config.json expects ", shape_text(shape)));
    return nullptr;
  }
  if (!is_float(view.dtype)) {
    faults_.misfits.push_back(cat(found(), ", expected f32, f16 or bf16"));
    return nullptr;
  }
  taken_.push_back({&view, matrix});
  held_->tensors[name] = {shape, matrix, {}};
  return purpose_ == Purpose::load ? &view : nullptr;
}

at::Tensor placed(const TensorView& view, at::Device device, at::ScalarType dtype) {
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
  return tensor.to(device, dtype, /*non_blocking=*/false, /*copy=*/false);
}

at::Tensor Parameters::adapted(const std::string& name) const {
  const auto replaced = adaptation_->replaced.find(name);
  if (replaced != adaptation_->replaced.end()) return replaced->second;
  const auto held = before_->tensors.find(name);
  if (held == before_->tensors.end()) throw Error(Status::internal, cat("the model does not hold ", name));
  return held->second.tensor;
}

at::Tensor Parameters::take(const std::string& name, const std::vector<int64_t>& shape) {
  if (adaptation_) return adapted(name);
  const auto* view = look_up(name, shape, /*matrix=*/false);
  if (!view) return {};
  return held_->tensors[name].tensor = placed(*view, placement_.device, activations_);
}

Weight Parameters::take_matrix(const std::string& name, const std::vector<int64_t>& shape) {
  if (adaptation_) return Weight(adapted(name));
  const auto* view = look_up(name, shape, /*matrix=*/true);
  if (!view) return Weight();
  const auto tensor = placed(*view, placement_.device, placement_.matrix_type(scalar_type(view->dtype), activations_));
  return Weight(held_->tensors[name].tensor = tensor.view({shape[0], product(shape, 1)}));
}

Addition Parameters::take_addition(const std::string& layer) {
  held_->layers.insert(layer);
  if (!adaptation_) return {};
  const auto added = adaptation_->added.find(layer);
  return added == adaptation_->added.end() ? Addition() : Addition{added->second, scale_};
}

std::vector<std::string> Parameters::leftovers() const {
  auto names = tensors_->unknown;
  for (const auto& [name, view] : tensors_->found)
    if (!asked_.count(name) && !is_unused_tensor(name, needed_blocks_)) names.push_back(view.name);
  return names;
}

void Parameters::finish() const {
  if (purpose_ == Purpose::survey || adaptation_) return;
  const auto& [missing, misfits] = faults_;
  if (!missing.empty() || !misfits.empty()) {
    std::string text = misfits.empty() ? "" : first_ten("tensors do not fit", misfits);
    if (!missing.empty()) text += cat(text.empty() ? "" : "; ", first_ten("tensors are missing", missing));
    throw Error(misfits.empty() ? Status::not_found : Status::format, text);
  }
  const auto unused = leftovers();
  if (!unused.empty()) log_warning(first_ten("tensors are not used", unused));
}

}  // namespace llava::core
