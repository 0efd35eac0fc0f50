// The parameters of a model that is trained. Those that learn lie side by side in flat buffers (values, and the gradient of
// one micro-batch), unit by unit; the others stay as the checkpoint stores them, mapped, or on a card in the type of its
// activations.
#pragma once

#include <ATen/core/Tensor.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/parameters.hpp"
#include "ops/weight.hpp"
#include "train/ranks.hpp"

namespace llava::core {

/// What a pass computes with.
///   f32         the values themselves
///   bf16_store  the values rounded to bf16, halves away from zero: matrices stored so, products and sums f32 from the
///               exactly widened numbers. Activations, gradients and moments stay f32, and so does the value that the
///               optimizer works on: what was rounded off is kept beside (ops/split_master), 2 + 2 bytes for each number
///               that learns, of which a product reads two. It is what training in bf16 means on a CPU without bf16
///               instructions: the result, written in bf16, is what was computed with.
///               On a card activations and their gradients are bf16 as well, sums inside a product f32.
enum class Precision : uint8_t { f32, bf16_store };

/// Where a network computes, and the type of its activations: f32 on the CPU, f32 or bf16 on a card. Gradients of what
/// learns and the optimizer's moments are f32 everywhere.
struct ComputePlace {
  at::Device device = at::kCPU;
  at::ScalarType activations = at::kFloat;
  bool exact = false;  // every run has the same bits, at the price of a card's flash attention; the CPU's have anyway

  at::TensorOptions rows() const { return at::TensorOptions(device).dtype(activations); }
  at::TensorOptions floats() const { return at::TensorOptions(device).dtype(at::kFloat); }

  /// Whether frozen weights stay as the checkpoint stores them, mapped; else they are copied there, in that type.
  bool reads_stored() const { return device.is_cpu() && activations == at::kFloat; }
};

struct Learner {
  std::string name;            // canonical (model/weight_names)
  std::vector<int64_t> shape;  // of the file
  std::vector<int64_t> sizes;  // as it is held: matrices are [out, in]
  bool matrix = false;         // read by linear() or embedding(), as `weight`
  bool decays = false;         // by weight decay: matrices and tables do, norms and biases do not
  bool learning = false;       // known after Learners::finish()
  at::Tensor value;            // of a learner a view of Learners::values(); undefined where that is in shards
  at::Tensor used;             // what a pass computes with: `value`, or of a vector it may be that as f32
  Weight weight;               // `used`, of a matrix
  at::Tensor gradient;         // f32, of a learner, as long as there is room for it
  int64_t begin = 0;           // in the flat buffers, a multiple of kAlignment
  std::function<void(at::Tensor&)> fill;  // its first values on the CPU, where no checkpoint has any
  bool learns() const { return learning; }
  int64_t count() const;
};

/// Parameters that are read, whose gradients are exchanged, and which are let go together: a table, a block, a projector.
struct Unit {
  int64_t begin = 0, length = 0;  // in the flat buffers, multiples of ranks * kNormBlock; 0: nothing of it learns
  size_t first = 0, last = 0;     // its learners: [first, last) of Learners::all()
};

class Learners {
 public:
  using Mask = std::function<bool(std::string_view canonical)>;

  /// Borrows `parameters` until finish(), which are to be on the CPU whatever the place is: values are copied from what
  /// the file holds, not from what has been rounded.
  Learners(Parameters& parameters, Mask learns, Precision precision = Precision::f32, ComputePlace place = {})
      : parameters_(parameters), mask_(std::move(learns)), precision_(precision), place_(place) {}
  Learners(const Learners&) = delete;

  /// After finish(): the same parameters with a gradient of their own, for a pass that runs beside another. open_unit(),
  /// matrix(), vector(), table() and new_matrix() find what this object has. Borrows it.
  std::unique_ptr<Learners> beside();

  /// What is added from here on is a unit; returns its place in units().
  size_t open_unit();

  /// Valid as long as this object; without a value before finish().
  Learner* matrix(const std::string& name, const std::vector<int64_t>& shape) { return add(name, shape, true, true); }
  Learner* vector(const std::string& name, int64_t size) { return add(name, {size}, false, false); }
  Learner* table(const std::string& name, const std::vector<int64_t>& shape) { return add(name, shape, false, true); }

  /// A matrix that the checkpoint does not have, and that learns whatever the mask says. `fill` gets it [out, in].
  Learner* new_matrix(const std::string& name, const std::vector<int64_t>& shape,
                      std::function<void(at::Tensor&)> fill);

  /// Whether the mask takes in a name.
  bool masked(std::string_view canonical) const { return mask_(canonical); }

  /// Allocates the flat buffers and copies the learners' values into them. As `ranks` says, values() and remainders() are
  /// this rank's shards alone, and there is no gradient(). Throws what Parameters::finish() throws, and Error(argument) when
  /// nothing learns.
  void finish(const Ranks& ranks = {});

  /// Gives what this rank has of them the values `numbers` [count], of any floating type, from `begin` on of a flat buffer;
  /// all in one unit. Then refresh().
  void put(int64_t begin, const at::Tensor& numbers);

  /// After values() has changed, where it is whole: the vectors that passes compute with as f32 are made from it.
  void refresh();

  /// Gives the learners of a unit `room` [length] for their gradients; undefined: takes it from them.
  void bind_gradient(size_t unit, const at::Tensor& room);

  /// Gives them `room` [length], f32 or bf16 as the precision says, on its device, as what a pass computes with; undefined: takes it.
  void bind_used(size_t unit, const at::Tensor& room);

  const ComputePlace& place() const { return place_; }
  const std::deque<Learner>& all() const { return all_; }
  const std::vector<Unit>& units() const { return units_; }
  /// The unit that holds place `begin` of the flat buffers.
  const Unit& unit_at(int64_t begin) const;
  /// What passes compute with: the values, f32; with bf16_store their upper halves, rounded, and remainders() the lower
  /// (ops/split_master). A rank's shards lie in the order of the units.
  at::Tensor& values() { return values_; }
  const at::Tensor& values() const { return values_; }
  const at::Tensor& remainders() const { return remainders_; }  // int16; in shards as moments are; f32: undefined
  at::Tensor& gradient() { return gradient_; }                  // undefined where gradients lie in shards
  Precision precision() const { return precision_; }
  const Ranks& ranks() const { return ranks_; }
  /// Whether values in f32 take more than this rank.
  bool masters_in_shards() const {
    return ranks_.values_in_shards() || (precision_ != Precision::f32 && ranks_.moments_in_shards());
  }
  int64_t length() const { return length_; }      // of a whole flat buffer
  int64_t learning() const { return learning_; }  // parameters, without the gaps between them
  int64_t longest_unit() const;
  int64_t added() const;  // of the parameters those that the checkpoint does not have

  static constexpr int64_t kAlignment = 64;

 private:
  Learner* add(const std::string& name, const std::vector<int64_t>& shape, bool matrix, bool decays);
  Learner* append(Learner learner);
  Learner* find(const std::string& name);
  int64_t lay_out(int64_t multiple);
  void move_in(Learner& learner);
  void move_frozen(Learner& learner) const;

  Parameters& parameters_;
  Mask mask_;
  Precision precision_;
  ComputePlace place_;
  std::deque<Learner> all_;
  std::vector<Unit> units_;
  Ranks ranks_;
  at::Tensor values_, remainders_, gradient_;
  int64_t length_ = 0, learning_ = 0;
  std::unordered_map<std::string, Learner*> found_;  // of an object that beside() made
  size_t opened_ = 0;                                // units, of such an object
};

}  // namespace llava::core
