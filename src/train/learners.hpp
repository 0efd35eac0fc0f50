// The parameters of a model that is trained. Those that learn lie side by side in flat f32 buffers (values, and the
// gradient of one micro-batch); the others stay as the checkpoint stores them, mapped.
#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/parameters.hpp"
#include "ops/weight.hpp"

namespace llava::core {

struct Learner {
  std::string name;            // canonical (model/weight_names)
  std::vector<int64_t> shape;  // of the file
  at::Tensor value;            // matrices as [out, in]
  Weight weight;               // the same, of a matrix
  at::Tensor gradient;         // like value; undefined: it does not learn
  int64_t begin = 0;           // in the flat buffers, a multiple of kAlignment
  bool learns() const { return gradient.defined(); }
};

class Learners {
 public:
  using Mask = std::function<bool(std::string_view canonical)>;

  /// Borrows `parameters` until finish(), which is to be on the CPU.
  Learners(Parameters& parameters, Mask learns) : parameters_(parameters), mask_(std::move(learns)) {}
  Learners(const Learners&) = delete;

  /// Valid as long as this object; without a value before finish().
  Learner* matrix(const std::string& name, const std::vector<int64_t>& shape) { return add(name, shape, true); }
  Learner* vector(const std::string& name, int64_t size) { return add(name, {size}, false); }

  /// Allocates the flat buffers and copies the learners' values into them. Throws what Parameters::finish() throws, and
  /// Error(argument) when nothing learns.
  void finish();

  const std::deque<Learner>& all() const { return all_; }
  at::Tensor& values() { return values_; }
  at::Tensor& gradient() { return gradient_; }
  int64_t learning() const { return learning_; }  // parameters, without the gaps between them

  static constexpr int64_t kAlignment = 64;

 private:
  Learner* add(const std::string& name, const std::vector<int64_t>& shape, bool matrix);

  Parameters& parameters_;
  Mask mask_;
  std::deque<Learner> all_;
  at::Tensor values_, gradient_;
  int64_t learning_ = 0;
};

/// An affine map whose parameters may learn.
struct LearningAffine {
  Learner* weight = nullptr;
  Learner* bias = nullptr;  // null where the checkpoint has none

  at::Tensor forward(const at::Tensor& x) const;

  /// Writes the gradients of weight and bias where they learn (x may be undefined where the weight does not) and returns
  /// that of x, added to `sum` if it is defined.
  at::Tensor backward(const at::Tensor& dy, const at::Tensor& x, at::Tensor sum = {}) const;

  /// The same without the gradient of x.
  void learn(const at::Tensor& dy, const at::Tensor& x) const;
};

LearningAffine learning_affine(Learners& learners, const std::string& name, int64_t out, int64_t in, bool bias);

}  // namespace llava::core
