// Gathered by unit for a pass, by learner for what is written.
#include "train/value_shards.hpp"

#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <optional>

#include "comm/agree.hpp"
#include "comm/memory_failure.hpp"
#include "train/shards.hpp"

namespace llava::core {

/// What the first rank asks the others to take part in.
struct ValueShards::Wish {
  enum Kind : int64_t { end, unit, value, stored } kind;
  int64_t index;
};

ValueShards::ValueShards(const Ranks& ranks, Learners& learners)
    : ranks_(ranks),
      learners_(learners),
      computing_{&learners},
      rooms_(learners.longest_unit(), learners.values().options()),
      held_(learners.units().size()) {
  if (in_shards()) rooms_.reserve(1);
}

void ValueShards::announce(Wish& wish) const {
  auto words = at::empty({2}, at::kLong);
  auto* const at = words.mutable_data_ptr<int64_t>();
  at[0] = wish.kind, at[1] = wish.index;
  ranks_.comm->broadcast(words, 0);
  wish = {static_cast<Wish::Kind>(at[0]), at[1]};
}

// Memory comes first, here and in value() and stored(): where there is none, nobody has been asked yet, and no other rank waits.
at::Tensor ValueShards::fetch(size_t unit) {
  const auto& [begin, length, first, last] = learners_.units()[unit];
  auto room = rooms_.take();
  if (Wish wish{Wish::unit, static_cast<int64_t>(unit)}; lending_) announce(wish);
  const auto mine = learners_.values().narrow(0, begin / ranks_.count(), length / ranks_.count());
  ranks_.comm->all_gather(room.narrow(0, 0, length), mine);
  return room;
}

void ValueShards::hold(const std::vector<size_t>& units) {
  if (!in_shards()) return;
  const auto bind = [&](size_t unit, const at::Tensor& room) {
    for (auto* const learners : computing_) learners->bind_used(unit, room);
  };
  for (size_t unit = 0; unit < held_.size(); ++unit) {
    if (!held_[unit].defined() || std::find(units.begin(), units.end(), unit) != units.end()) continue;
    bind(unit, {});
    rooms_.give_back(std::move(held_[unit]));
    held_[unit].reset();
  }
  for (const auto unit : units) {
    const auto length = learners_.units()[unit].length;
    if (length == 0 || held_[unit].defined()) continue;
    held_[unit] = fetch(unit);
    bind(unit, held_[unit].narrow(0, 0, length));
  }
}

// Of the others, while this rank works alone.
void ValueShards::ask(int64_t kind, const Learner& learner) const {
  if (!lending_) return;
  const auto& all = learners_.all();
  const auto place = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == learner.name; });
  Wish wish{static_cast<Wish::Kind>(kind), place - all.begin()};
  announce(wish);
}

at::Tensor ValueShards::value(const Learner& learner) const {
  return master_values(learners_, learner.begin, learner.count(), [&] { ask(Wish::value, learner); })
      .view(learner.sizes);
}

at::Tensor ValueShards::stored(const Learner& learner) const {
  if (!in_shards()) return learner.value;
  auto found = at::empty({learner.count()}, learners_.values().options());
  ask(Wish::stored, learner);
  gather(ranks_, learners_.unit_at(learner.begin), learners_.values(), learner.begin, found);
  return found.view(learner.sizes);
}

// The first rank waits for this one: when it cannot serve, that one must not go on waiting.
void ValueShards::serve() {
  for (;;) {
    Wish wish{};
    announce(wish);
    if (wish.kind == Wish::end) return;
    const auto index = static_cast<size_t>(wish.index);
    or_abort(ranks_.comm, [&] {
      if (wish.kind == Wish::unit)
        rooms_.give_back(fetch(index));
      else
        wish.kind == Wish::value ? value(learners_.all()[index]) : stored(learners_.all()[index]);
    });
  }
}

void ValueShards::work_alone(const std::function<void()>& work) {
  lending_ = true;
  std::optional<Error> failure;
  try {
    work();
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = memory_failure(error);
    if (!failure) {
      lending_ = false;
      throw;
    }
  }
  hold({});
  lending_ = false;
  try {
    Wish end{Wish::end, 0};
    announce(end);
  } catch (const Error&) {  // the connection has ended, perhaps with this failure: nobody is there to hear it
    if (!failure) throw;
  }
  if (failure) throw *failure;
}

void ValueShards::lend(const std::function<void()>& work) {
  const c10::InferenceMode no_gradients;
  const bool first = ranks_.rank() == 0, serving = learners_.masters_in_shards();
  together(ranks_.comm, [&] {
    if (first && !serving) work();
    if (first && serving) work_alone(work);
    if (!first && serving) serve();
  });
}

}  // namespace llava::core
