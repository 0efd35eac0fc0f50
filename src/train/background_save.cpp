#include "train/background_save.hpp"

#include <ATen/ops/zeros.h>

#include <array>
#include <chrono>
#include <system_error>

#include "base/error.hpp"
#include "comm/agree.hpp"

namespace llava::core {
namespace {

// In the thread: nothing of LibTorch's arithmetic, only reading.
struct Writing {
  std::string run;
  RunIdentity identity;
  int64_t keep;
  SnapshotCounts counts;
  const Learners& learners;
  std::array<const float*, kSnapshotParts> parts;

  int64_t operator()() const {
    const auto entries = snapshot_entries(learners);
    const auto data_of = [this](const SnapshotEntry& entry) { return parts[entry.part] + entry.begin; };
    SnapshotFile file(run, counts, entries);
    for (const auto index : file.order()) file.write(data_of(entries[index]), entries[index].count);
    const auto state = snapshot_hash(
        entries, [&](const SnapshotEntry& entry, const AddNumbers& add) { add(data_of(entry), entry.count); });
    const auto values = values_hash(learners, [this](const Learner& learner, const AddNumbers& add) {
      add(parts[0] + learner.begin, learner.count());
    });
    file.commit(identity, state, values, keep);
    return now_ns();
  }
};

bool speaks(const Comm* comm) { return !comm || comm->rank() == 0; }

// Whole, on the first rank; what lies in shards is gathered from all ranks, tensor by tensor.
void copy_state(Stepper& stepper, std::array<at::Tensor, kSnapshotParts>& copy) {
  const auto& learners = stepper.network().learners();
  const bool writes = speaks(stepper.comm());
  together(stepper.comm(), [&] {
    for (auto& part : copy)
      if (writes && !part.defined()) part = at::zeros({learners.length()}, at::kFloat);
  });
  for (const auto& entry : snapshot_entries(learners)) {
    if (!writes && !stepper.in_shards(entry.part)) continue;
    const auto found = or_abort(stepper.comm(), [&] { return stepper.fetch(entry.part, entry.begin, entry.count); });
    if (writes) copy[entry.part].narrow(0, entry.begin, entry.count).copy_(found);
  }
}

}  // namespace

void BackgroundSave::begin(const std::string& run, Stepper& stepper, const RunIdentity& identity, int64_t keep) {
  const c10::InferenceMode no_gradients;
  if (step_ >= 0) throw Error(Status::internal, "a snapshot is on its way already");
  auto* const comm = stepper.comm();
  if (comm) comm->progress("copying what a snapshot holds", Doing::slow);
  copy_state(stepper, copy_);
  together(comm, [&] {
    if (!speaks(comm)) return;
    const Writing writing{
        run,
        identity,
        keep,
        counts_of(stepper.state()),
        stepper.network().learners(),
        {copy_[0].const_data_ptr<float>(), copy_[1].const_data_ptr<float>(), copy_[2].const_data_ptr<float>()}};
    try {
      work_ = std::async(std::launch::async, writing);
    } catch (const std::system_error& error) {
      throw Error(Status::limit, cat("no thread can be started to write a snapshot: ", error.code().message()));
    }
  });
  step_ = stepper.state().steps_done;
  if (comm) comm->progress("after copying what a snapshot holds", Doing::busy);
}

bool BackgroundSave::is_over() const {
  return work_.valid() && work_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

void BackgroundSave::end(Comm* comm) {
  if (step_ < 0) return;
  step_ = -1;
  if (comm) comm->progress("waiting for a snapshot to be written", Doing::slow);
  together(comm, [&] {
    if (speaks(comm)) written_ns_ = work_.get();
  });
}

}  // namespace llava::core
