// The one door through which weights enter the model. Mapped views become tensors without a copy where device and dtype
// allow it; every absence and every wrong shape of a load is collected and reported together.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "model/config.hpp"
#include "ops/weight.hpp"
#include "weights/tensor_map.hpp"

namespace llava::core {

/// Where a model lives and what its numbers are.
struct Placement {
  at::Device device = at::kCPU;
  std::optional<at::ScalarType> weights;  // nullopt: matrices stay as stored

  /// Activations: f32 on the CPU whatever the weights are; the weights' type on a GPU.
  at::ScalarType activations(at::ScalarType stored) const {
    return device.is_cpu() ? at::kFloat : weights.value_or(stored);
  }
};

class Parameters {
 public:
  /// Borrows `map` until finish().
  Parameters(const TensorMap& map, const ModelConfig& config, Placement placement, Cancel cancel = {});

  /// A vector or small table in the activations' dtype. A missing or misfitting tensor is noted and an undefined one
  /// returned: finish() throws before it could be used.
  at::Tensor take(const std::string& name, const std::vector<int64_t>& shape);

  /// A matrix as stored; `shape` may have more than two dimensions, the trailing ones are joined into columns.
  Weight take_matrix(const std::string& name, const std::vector<int64_t>& shape);

  bool has(const std::string& name) const { return found_.count(name) != 0; }

  /// Throws Error(not_found) for missing tensors, Error(format) when one has another shape or dtype than the
  /// configuration says; the message names the first ten of each. Tensors nobody took are written to the log.
  void finish() const;

  /// Published names of tensors that were not taken, the known-unused ones left out.
  std::vector<std::string> leftovers() const;
  const std::string& layout() const { return layout_; }
  const Placement& placement() const { return placement_; }
  at::ScalarType activation_dtype() const { return activations_; }

 private:
  const TensorView* look_up(const std::string& name, const std::vector<int64_t>& shape);
  at::Tensor as_tensor(const TensorView& view, at::ScalarType dtype) const;

  std::map<std::string, const TensorView*, std::less<>> found_;
  std::map<std::string, bool, std::less<>> taken_;
  std::vector<std::string> unknown_;
  std::vector<std::string> missing_;
  std::vector<std::string> misfits_;
  std::string layout_;
  std::string place_;  // the first file, for messages
  Placement placement_;
  at::ScalarType activations_ = at::kFloat;
  Cancel cancel_;
  int64_t needed_blocks_ = 0;
};

/// The ATen type of a stored one; Error(unsupported) for types a model is not computed in.
at::ScalarType scalar_type(DType dtype);

}  // namespace llava::core
