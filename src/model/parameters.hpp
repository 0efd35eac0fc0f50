// The one door through which weights enter the model. Mapped views become tensors without a copy where device and dtype
// allow it; every absence and every wrong shape of a load is collected and reported together. The same door serves to
// find out what a load would need: a survey runs the modules' constructors and reads no weight.
#pragma once

#include <ATen/core/Tensor.h>

#include <set>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "model/config.hpp"
#include "model/weight_names.hpp"
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

/// What a load would stop at, one line each.
struct LoadFaults {
  std::vector<std::string> missing;  // canonical names
  std::vector<std::string> misfits;  // published name, found, expected
};

/// A tensor that a module asked for and got.
struct TakenTensor {
  const TensorView* view;
  bool matrix;  // keeps its stored type on the CPU; the rest takes the activations'
};

class Parameters {
 public:
  enum class Purpose { load, survey };  // survey: tensors handed out are undefined, and finish() is content

  /// Borrows `tensors` until finish().
  Parameters(const NamedTensors& tensors, const ModelConfig& config, Placement placement, Cancel cancel = {},
             Purpose purpose = Purpose::load);

  /// A vector or small table in the activations' dtype. A missing or misfitting tensor is noted and an undefined one
  /// returned: finish() throws before it could be used.
  at::Tensor take(const std::string& name, const std::vector<int64_t>& shape);

  /// A matrix as stored; `shape` may have more than two dimensions, the trailing ones are joined into columns.
  Weight take_matrix(const std::string& name, const std::vector<int64_t>& shape);

  bool has(const std::string& name) const { return tensors_.has(name); }

  /// Throws Error(not_found) for missing tensors, Error(format) when one has another shape or dtype than the
  /// configuration says; the message names the first ten of each. Tensors nobody took are written to the log.
  void finish() const;

  /// Published names of tensors that were not taken, the known-unused ones left out.
  std::vector<std::string> leftovers() const;
  const LoadFaults& faults() const { return faults_; }
  const std::vector<TakenTensor>& taken() const { return taken_; }
  const Placement& placement() const { return placement_; }
  at::ScalarType activation_dtype() const { return activations_; }

 private:
  const TensorView* look_up(const std::string& name, const std::vector<int64_t>& shape, bool matrix);
  at::Tensor as_tensor(const TensorView& view, at::ScalarType dtype) const;

  const NamedTensors& tensors_;
  std::set<std::string, std::less<>> asked_;
  std::vector<TakenTensor> taken_;
  LoadFaults faults_;
  Purpose purpose_;
  Placement placement_;
  at::ScalarType activations_ = at::kFloat;
  Cancel cancel_;
  int64_t needed_blocks_ = 0;
};

/// The ATen type of a stored one.
at::ScalarType scalar_type(DType dtype);

/// "12 tensors are missing: a, b, …": the count, and the first ten of the names.
std::string first_ten(const char* what, const std::vector<std::string>& names);

}  // namespace llava::core
