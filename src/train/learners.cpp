// Flat buffers and their views.
#include "train/learners.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "ops/gradients.hpp"
#include "train/shards.hpp"

namespace llava::core {
namespace {

constexpr int64_t kPutBlock = 1 << 20;  // numbers that are f32 at a time: a table's would be gigabytes

// Numbers f32 that may be split: of some NaNs the upper half alone would be a number (ops/split_master), and training would
// not notice.
at::Tensor with_plain_nans(at::Tensor numbers) {
  const auto is_nan = [](float number) { return std::isnan(number); };
  const auto* const found = numbers.const_data_ptr<float>();
  if (std::none_of(found, found + numbers.numel(), is_nan)) return numbers;
  numbers = numbers.clone();
  auto* const mine = numbers.mutable_data_ptr<float>();
  std::replace_if(mine, mine + numbers.numel(), is_nan, std::numeric_limits<float>::quiet_NaN());
  return numbers;
}

}  // namespace

int64_t Learner::count() const {
  int64_t count = 1;
  for (const auto size : shape) count *= size;
  return count;
}

Learner* Learners::find(const std::string& name) {
  const auto place = found_.find(name);
  return place == found_.end() ? nullptr : place->second;
}

std::unique_ptr<Learners> Learners::beside() {
  auto made = std::make_unique<Learners>(parameters_, mask_, precision_, place_);
  made->all_ = all_;
  made->units_ = units_;
  made->ranks_ = ranks_;
  made->values_ = values_;
  made->remainders_ = remainders_;
  made->length_ = length_;
  made->learning_ = learning_;
  for (auto& learner : made->all_) made->found_.emplace(learner.name, &learner);
  if (!gradient_.defined()) return made;
  made->gradient_ = at::zeros_like(gradient_);
  for (size_t i = 0; i < units_.size(); ++i)
    made->bind_gradient(i, made->gradient_.narrow(0, units_[i].begin, units_[i].length));
  return made;
}

size_t Learners::open_unit() {
  if (!found_.empty()) return opened_++;
  units_.push_back({0, 0, all_.size(), all_.size()});
  return units_.size() - 1;
}

Learner* Learners::append(Learner learner) {
  if (units_.empty()) open_unit();
  all_.push_back(std::move(learner));
  units_.back().last = all_.size();
  return &all_.back();
}

Learner* Learners::add(const std::string& name, const std::vector<int64_t>& shape, bool matrix, bool decays) {
  if (auto* const learner = find(name)) return learner;
  Learner learner;
  learner.name = name;
  learner.shape = learner.sizes = shape;
  learner.matrix = matrix;
  learner.decays = decays;
  if (matrix) {
    learner.sizes = {shape[0], learner.count() / std::max<int64_t>(1, shape[0])};
    learner.weight = parameters_.take_matrix(name, shape);
    if (learner.weight.defined()) learner.value = learner.weight.stored();
  } else {
    learner.value = parameters_.take(name, shape);
  }
  learner.used = learner.value;
  return append(std::move(learner));
}

Learner* Learners::new_matrix(const std::string& name, const std::vector<int64_t>& shape,
                              std::function<void(at::Tensor&)> fill) {
  if (auto* const learner = find(name)) return learner;
  Learner learner;
  learner.name = name;
  learner.shape = learner.sizes = shape;
  learner.matrix = learner.decays = true;
  learner.fill = std::move(fill);
  return append(std::move(learner));
}

void Learners::put(int64_t begin, const at::Tensor& numbers) {
  const auto& unit = unit_at(begin);
  const bool values_apart = ranks_.values_in_shards();
  if (precision_ == Precision::f32) return put_numbers(ranks_, unit, values_, values_apart, begin, numbers);
  const OwnPart all{0, begin, numbers.numel()}, part = values_apart ? own_part(ranks_, unit, begin, all.count) : all;
  for (int64_t first = part.from; first < part.from + part.count; first += kPutBlock) {  // the others are not even read
    const auto count = std::min(kPutBlock, part.from + part.count - first);
    const auto piece = with_plain_nans(numbers.narrow(0, first, count).to(at::kFloat).contiguous()).to(place_.device);
    const SplitMaster halves{at::empty({count}, values_.options()), at::empty({count}, remainders_.options())};
    split(piece, halves);
    put_numbers(ranks_, unit, values_, values_apart, begin + first, halves.weights);
    put_numbers(ranks_, unit, remainders_, ranks_.moments_in_shards(), begin + first, halves.remainders);
  }
}

// Moves what this rank has of a learner's values to its place in the flat buffers.
void Learners::move_in(Learner& learner) {
  auto numbers = learner.value;
  if (learner.fill) learner.fill(numbers = at::zeros(learner.sizes, at::kFloat));
  put(learner.begin, numbers.reshape({-1}));
  learner.value.reset(), learner.used.reset();
  learner.weight = {};
  if (ranks_.values_in_shards()) return;
  learner.value = learner.used = values_.narrow(0, learner.begin, learner.count()).view(learner.sizes);
  if (learner.matrix)
    learner.weight = Weight(learner.used);
  else if (values_.scalar_type() != place_.activations)
    learner.used = at::empty(learner.sizes, place_.rows());
}

// A frozen one to where it is computed with.
void Learners::move_frozen(Learner& learner) const {
  if (place_.reads_stored() || !learner.value.defined()) return;
  learner.value = learner.used = learner.value.to(place_.device, place_.activations);
  if (learner.weight.defined()) learner.weight = Weight(learner.value);
}

// Units begin where blocks of the norm do, and their shards too; zeros between them change no sum. Returns the end.
int64_t Learners::lay_out(int64_t multiple) {
  int64_t end = 0;
  for (auto& unit : units_) {
    unit.begin = end;
    for (size_t i = unit.first; i < unit.last; ++i) {
      auto& learner = all_[i];
      learner.learning = learner.fill || mask_(learner.name);
      if (!learner.learning) continue;
      learner.begin = end;
      learning_ += learner.count();
      end += (learner.count() + kAlignment - 1) / kAlignment * kAlignment;
    }
    end = (end + multiple - 1) / multiple * multiple;
    unit.length = end - unit.begin;
  }
  return end;
}

void Learners::finish(const Ranks& ranks) {
  parameters_.finish();
  length_ = lay_out(ranks.count() * kNormBlock);
  if (length_ == 0) throw Error(Status::argument, "no parameter learns: the mask fits no name");
  ranks_ = ranks;
  const bool halves = precision_ == Precision::bf16_store;
  const auto flat = [&](bool in_shards, at::ScalarType type) {
    return at::zeros({in_shards ? length_ / ranks.count() : length_}, place_.floats().dtype(type));
  };
  values_ = flat(ranks.values_in_shards(), halves ? at::kBFloat16 : at::kFloat);
  if (halves) remainders_ = flat(ranks.moments_in_shards(), at::kShort);
  if (!ranks.gradients_in_shards()) gradient_ = at::zeros({length_}, place_.floats());
  for (size_t i = 0; i < units_.size(); ++i) {
    const auto& unit = units_[i];
    if (gradient_.defined()) bind_gradient(i, gradient_.narrow(0, unit.begin, unit.length));
    for (size_t k = unit.first; k < unit.last; ++k) all_[k].learning ? move_in(all_[k]) : move_frozen(all_[k]);
  }
  refresh();
}

const Unit& Learners::unit_at(int64_t begin) const {
  return *std::find_if(units_.begin(), units_.end(),
                       [&](const Unit& unit) { return unit.begin <= begin && begin < unit.begin + unit.length; });
}

int64_t Learners::longest_unit() const {
  int64_t longest = 0;
  for (const auto& unit : units_) longest = std::max(longest, unit.length);
  return longest;
}

int64_t Learners::added() const {
  int64_t count = 0;
  for (const auto& learner : all_)
    if (learner.fill) count += learner.count();
  return count;
}

void Learners::refresh() {
  for (auto& learner : all_)
    if (learner.learning && learner.value.defined() && !learner.used.is_same(learner.value))
      learner.used.copy_(learner.value);
}

void Learners::bind_gradient(size_t unit, const at::Tensor& room) {
  const auto& [begin, length, first, last] = units_[unit];
  for (size_t i = first; i < last; ++i) {
    auto& learner = all_[i];
    if (!learner.learning) continue;
    learner.gradient = room;
    if (room.defined()) learner.gradient = room.narrow(0, learner.begin - begin, learner.count()).view(learner.sizes);
  }
}

void Learners::bind_used(size_t unit, const at::Tensor& room) {
  const auto& [begin, length, first, last] = units_[unit];
  for (size_t i = first; i < last; ++i) {
    auto& learner = all_[i];
    if (!learner.learning) continue;
    learner.used = room;
    learner.weight = {};
    if (!room.defined()) continue;
    learner.used = room.narrow(0, learner.begin - begin, learner.count()).view(learner.sizes);
    if (learner.matrix)
      learner.weight = Weight(learner.used);
    else if (precision_ == Precision::bf16_store)
      learner.used = learner.used.to(place_.activations);
  }
}

}  // namespace llava::core
