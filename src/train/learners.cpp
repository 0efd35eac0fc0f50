// Flat buffers and their views.
#include "train/learners.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "base/error.hpp"

namespace llava::core {
namespace {

int64_t count_of(const Learner& learner) {
  int64_t count = 1;
  for (const auto size : learner.shape) count *= size;
  return count;
}

}  // namespace

Learner* Learners::find(const std::string& name) {
  const auto place = found_.find(name);
  return place == found_.end() ? nullptr : place->second;
}

std::unique_ptr<Learners> Learners::beside() {
  auto made = std::make_unique<Learners>(parameters_, mask_, precision_, place_);
  made->all_ = all_;
  made->values_ = values_;
  made->learning_ = learning_;
  made->gradient_ = at::zeros_like(gradient_);
  for (auto& learner : made->all_) {
    if (learner.learns())
      learner.gradient = made->gradient_.narrow(0, learner.begin, learner.value.numel()).view(learner.gradient.sizes());
    made->found_.emplace(learner.name, &learner);
  }
  return made;
}

Learner* Learners::add(const std::string& name, const std::vector<int64_t>& shape, bool matrix, bool decays) {
  if (auto* const learner = find(name)) return learner;
  Learner learner;
  learner.name = name;
  learner.shape = shape;
  learner.decays = decays;
  if (matrix) {
    learner.weight = parameters_.take_matrix(name, shape);
    if (learner.weight.defined()) learner.value = learner.weight.stored();
  } else {
    learner.value = parameters_.take(name, shape);
  }
  learner.used = learner.value;
  all_.push_back(std::move(learner));
  return &all_.back();
}

Learner* Learners::new_matrix(const std::string& name, const std::vector<int64_t>& shape,
                              std::function<void(at::Tensor&)> fill) {
  if (auto* const learner = find(name)) return learner;
  Learner learner;
  learner.name = name;
  learner.shape = shape;
  learner.decays = true;
  learner.fill = std::move(fill);
  all_.push_back(std::move(learner));
  return &all_.back();
}

// Moves a learner's values to their place in the flat buffers.
void Learners::move_in(Learner& learner) {
  const int64_t count = count_of(learner);
  const auto shape = learner.fill ? learner.shape : learner.value.sizes().vec();
  const bool matrix = learner.fill || learner.weight.defined();
  auto place = values_.narrow(0, learner.begin, count).view(shape);
  if (learner.fill && place.is_cpu()) {
    learner.fill(place);
  } else if (learner.fill) {
    auto made = at::zeros(shape, at::kFloat);
    learner.fill(made);
    place.copy_(made);
  } else {
    place.copy_(learner.value);
  }
  learner.value = learner.used = place;
  if (precision_ == Precision::bf16_store)
    learner.used = at::empty(shape, matrix ? place_.rows().dtype(at::kBFloat16) : place_.rows());
  if (matrix) learner.weight = Weight(learner.used);
  learner.gradient = gradient_.narrow(0, learner.begin, count).view(shape);
}

// A frozen one to where it is computed with.
void Learners::move_frozen(Learner& learner) const {
  if (place_.reads_stored() || !learner.value.defined()) return;
  learner.value = learner.used = learner.value.to(place_.device, place_.activations);
  if (learner.weight.defined()) learner.weight = Weight(learner.value);
}

void Learners::finish(int64_t multiple) {
  parameters_.finish();
  const auto learns = [&](const Learner& learner) { return learner.fill || mask_(learner.name); };
  int64_t end = 0;
  for (auto& learner : all_) {
    if (!learns(learner)) continue;
    const int64_t count = count_of(learner);
    learner.begin = end;
    learning_ += count;
    end += (count + kAlignment - 1) / kAlignment * kAlignment;
  }
  if (end == 0) throw Error(Status::argument, "no parameter learns: the mask fits no name");
  end = (end + multiple - 1) / multiple * multiple;
  values_ = at::zeros({end}, place_.floats());
  gradient_ = at::zeros({end}, place_.floats());
  for (auto& learner : all_) learns(learner) ? move_in(learner) : move_frozen(learner);
  refresh();
}

int64_t Learners::added() const {
  int64_t count = 0;
  for (const auto& learner : all_)
    if (learner.fill) count += count_of(learner);
  return count;
}

void Learners::refresh() {
  if (precision_ == Precision::f32) return;
  for (auto& learner : all_)
    if (learner.learns()) learner.used.copy_(learner.value.to(at::kBFloat16));
}

}  // namespace llava::core
