// The one door through which weights enter the model. Mapped views become tensors without a copy where device and dtype
// allow it; every absence and every wrong shape of a load is collected and reported together. The same door serves to
// find out what a load would need: a survey runs the modules' constructors and reads no weight. And to make a variant of a
// model that is loaded: the constructors run once more and get the same tensors, but for what an adapter changes.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "model/adaptation.hpp"
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

  /// Matrices: as stored unless told otherwise; the activations' type on a GPU.
  at::ScalarType matrix_type(at::ScalarType stored, at::ScalarType activations) const {
    return device.is_cpu() ? weights.value_or(stored) : activations;
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

/// A tensor as a module holds it.
struct HeldTensor {
  std::vector<int64_t> shape;  // as published; matrices are held in two dimensions
  bool matrix = false;
  at::Tensor tensor;  // undefined in a survey
};

/// Everything the modules of a model hold, by canonical name.
struct HeldTensors {
  std::map<std::string, HeldTensor, std::less<>> tensors;
  std::set<std::string, std::less<>> layers;  // affine maps, to which an adapter can add
};

class Parameters {
 public:
  enum class Purpose { load, survey };  // survey: tensors handed out are undefined, and finish() is content

  /// Borrows `tensors` until finish().
  Parameters(const NamedTensors& tensors, const ModelConfig& config, Placement placement, Cancel cancel = {},
             Purpose purpose = Purpose::load);

  /// For a variant of a loaded model: hands out what `held` holds, with `adaptation` applied. Borrows `adaptation`.
  Parameters(std::shared_ptr<const HeldTensors> held, const Adaptation& adaptation, double scale, Placement placement,
             at::ScalarType activations);

  /// Where what is taken from now on lies, and what its numbers are.
  void place_on(Placement placement);

  /// A vector or small table in the activations' dtype. A missing or misfitting tensor is noted and an undefined one
  /// returned: finish() throws before it could be used.
  at::Tensor take(const std::string& name, const std::vector<int64_t>& shape);

  /// A matrix as stored; `shape` may have more than two dimensions, the trailing ones are joined into columns.
  Weight take_matrix(const std::string& name, const std::vector<int64_t>& shape);

  /// What is added to the affine map `layer` ("language.layers.0.self_attn.q_proj"); nothing without an adapter.
  Addition take_addition(const std::string& layer);

  bool has(const std::string& name) const {
    return adaptation_ ? before_->tensors.count(name) > 0 : tensors_->has(name);
  }

  /// What was handed out; of a variant, what the loaded model holds.
  std::shared_ptr<const HeldTensors> held() const { return adaptation_ ? before_ : held_; }

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
  at::Tensor adapted(const std::string& name) const;

  const NamedTensors* tensors_ = nullptr;
  std::shared_ptr<HeldTensors> held_ = std::make_shared<HeldTensors>();
  std::shared_ptr<const HeldTensors> before_;  // of the loaded model
  const Adaptation* adaptation_ = nullptr;
  double scale_ = 1;
  std::set<std::string, std::less<>> asked_;
  std::vector<TakenTensor> taken_;
  LoadFaults faults_;
  Purpose purpose_;
  Placement placement_;
  at::ScalarType activations_ = at::kFloat;
  Cancel cancel_;
  int64_t needed_blocks_ = 0;
};

/// A view as a tensor on a device, without a copy where device, dtype and alignment allow it.
at::Tensor placed(const TensorView& view, at::Device device, at::ScalarType dtype);

/// The ATen type of a stored one.
at::ScalarType scalar_type(DType dtype);

/// "12 tensors are missing: a, b, …": the count, and the first ten of the names.
std::string first_ten(const char* what, const std::vector<std::string>& names);

}  // namespace llava::core
