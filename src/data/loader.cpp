// A ring of slots: position p stands in slot p % depth. A worker takes the next position when its slot is free; next()
// takes slots in order. What a worker threw lies in its slot until its turn comes.
#include "data/loader.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.hpp"

namespace llava::core {

struct Loader::Shared {
  struct Slot {
    bool ready = false;
    bool unusable = false;  // the failure is the record's own
    LoadedSample sample;
    std::exception_ptr failure;
  };

  std::shared_ptr<const RecordIndex> index;
  std::shared_ptr<const SampleMaker> maker;
  std::vector<int64_t> indices;
  LoaderOptions options;

  std::mutex mutex;
  std::condition_variable changed;  // a slot became ready or free, or all is over
  std::vector<Slot> slots;
  int64_t taken = 0;     // positions that workers have begun
  int64_t handed = 0;    // positions that next() has given out
  bool over = false;     // workers end
  CancelToken stopping;  // for those in the middle of a picture
  std::exception_ptr failed;
  std::vector<std::thread> threads;

  int64_t size() const { return static_cast<int64_t>(indices.size()); }
  Slot& slot(int64_t position) { return slots[static_cast<size_t>(position) % slots.size()]; }
  void make(int64_t position, Slot& out) const;
  void work();
  void end();
};

namespace {

constexpr auto kPollTime = std::chrono::milliseconds(20);
constexpr size_t kNamed = 20;  // of the records skipped before, in a message

}  // namespace

LoadedSample load_sample(const RecordIndex& index, const SampleMaker& maker, int64_t record,
                         const PictureRules& pictures, const Cancel& cancel) {
  const Record read = index.record(record);
  LoadedSample out;
  out.record = record;
  out.id = read.id;
  out.sample = maker.make(read);
  if (out.sample.targets == 0 && !out.sample.mismatch)
    read.refuse(DataProblem::no_target, no_target_reason(out.sample, maker.rules()));
  // a dropped sample of the rule "upstream" is no defect of the record: it stays, and nothing is learned from it
  for (int64_t i = 0; i < out.sample.images; ++i) {
    const auto picture = load_picture(read, read.images[static_cast<size_t>(i)], pictures, cancel);
    out.pixels.push_back(preprocess(picture, pictures.preprocess, cancel));
  }
  return out;
}

void Loader::Shared::make(int64_t position, Slot& out) const {
  const int64_t record = indices[static_cast<size_t>(position)];
  try {
    out.sample = load_sample(*index, *maker, record, options.pictures, Cancel(&stopping));
  } catch (const RecordError&) {
    out.unusable = true;
    out.failure = std::current_exception();
  } catch (...) {
    out.failure = std::current_exception();
  }
}

void Loader::Shared::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return over || taken == size() || taken < handed + static_cast<int64_t>(slots.size()); });
    if (over || taken == size()) return;
    const int64_t position = taken++;
    lock.unlock();
    Slot made;
    make(position, made);
    lock.lock();
    made.ready = true;
    slot(position) = std::move(made);
    changed.notify_all();
  }
}

void Loader::Shared::end() {
  {
    const std::lock_guard lock(mutex);
    over = true;
    stopping.cancel();
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

Loader::Loader(std::shared_ptr<const RecordIndex> index, std::shared_ptr<const SampleMaker> maker,
               std::vector<int64_t> indices, LoaderOptions options)
    : shared_(std::make_shared<Shared>()) {
  if (options.threads < 1 || options.threads > 256 || options.ahead < 1 || options.ahead > 65536 ||
      options.skip_bad < -1)
    throw Error(Status::argument, cat(options.threads, " loader threads, ", options.ahead, " samples ahead, skip_bad ",
                                      options.skip_bad, ", expected 1 to 256, 1 to 65536, -1 or more"));
  for (const int64_t record : indices)
    if (record < 0 || record >= index->size())
      throw Error(Status::argument, cat(index->name(), ": record ", record + 1, " of ", index->size()));
  shared_->index = std::move(index);
  shared_->maker = std::move(maker);
  shared_->indices = std::move(indices);
  shared_->slots.resize(static_cast<size_t>(std::max(options.ahead, options.threads)));
  shared_->options = std::move(options);
  try {
    for (int32_t i = 0; i < shared_->options.threads; ++i)
      shared_->threads.emplace_back([shared = shared_.get()] { shared->work(); });
  } catch (const std::system_error&) {
    shared_->end();
    throw Error(Status::limit, cat("a loader thread could not be started (", shared_->options.threads, " wanted)"));
  }
}

Loader::~Loader() { shared_->end(); }

bool Loader::next(LoadedSample& out) {
  Shared& shared = *shared_;
  std::unique_lock lock(shared.mutex);
  if (shared.failed) std::rethrow_exception(shared.failed);
  if (shared.handed == shared.size()) return false;
  Shared::Slot& slot = shared.slot(shared.handed);
  const auto begin = now_ns();
  const bool waits = !slot.ready;
  try {
    while (!slot.ready) {
      shared.options.cancel.poll("loading data");
      shared.changed.wait_for(lock, kPollTime);
    }
    shared.options.cancel.poll("loading data");
    if (waits) waited_ns_ += now_ns() - begin;
    if (slot.failure) count_skipped();
    out = std::move(slot.sample);
    out.position = shared.handed;
    out.record = shared.indices[static_cast<size_t>(shared.handed)];
    out.skipped = slot.unusable;
    if (out.skipped) out.problem = skipped_.back();
  } catch (...) {
    shared.failed = std::current_exception();
    throw;
  }
  slot = {};
  ++shared.handed;
  lock.unlock();
  shared.changed.notify_all();
  return true;
}

/// Of a sample that failed: rethrows, or counts an unusable record as skipped. Called under the lock.
void Loader::count_skipped() {
  const Shared::Slot& slot = shared_->slot(shared_->handed);
  const int64_t allowed = shared_->options.skip_bad;
  try {
    std::rethrow_exception(slot.failure);
  } catch (const RecordError& error) {
    if (allowed == 0) throw;
    if (allowed < 0 || static_cast<int64_t>(skipped_.size()) < allowed) {
      skipped_.push_back(error.message());
      return;
    }
    std::string list;
    for (size_t i = 0; i < skipped_.size() && i < kNamed; ++i) list += "\n  " + skipped_[i];
    throw RecordError(error.problem(), error.status(),
                      cat(error.message(), "\nand ", skipped_.size(), " were skipped before, no more may be:", list));
  }
}

}  // namespace llava::core
