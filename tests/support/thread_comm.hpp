// Ranks that are threads of one process: what many small steps are tested with. What they exchange is copied from one
// tensor to the other, so bits are those of any other Comm.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "comm/comm.hpp"

namespace llava::core::testing {

/// Where the threads meet: each shows a tensor, and all look at all of them.
class Meeting {
 public:
  explicit Meeting(int64_t size) : shown_(static_cast<size_t>(size)) {}

  int64_t size() const { return static_cast<int64_t>(shown_.size()); }

  /// `look` sees what the others show; nobody goes on before all have looked.
  template <typename Look>
  void show(int64_t rank, const at::Tensor& tensor, Look&& look) {
    shown_[static_cast<size_t>(rank)] = tensor;
    wait_for_all();
    look(shown_);
    wait_for_all();
  }

  void end(std::string_view reason) {
    const std::lock_guard lock(mutex_);
    if (!ended_) ended_ = std::string(reason);
    changed_.notify_all();
  }

 private:
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    const auto round = round_;
    if (++here_ == shown_.size()) {
      here_ = 0;
      ++round_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return round_ != round || ended_; });
    if (round_ == round) throw Error(Status::distributed, cat("a rank stopped: ", *ended_));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<at::Tensor> shown_;
  size_t here_ = 0;
  uint64_t round_ = 0;
  std::optional<std::string> ended_;
};

class ThreadComm : public Comm {
 public:
  ThreadComm(Meeting& meeting, int64_t rank) : meeting_(meeting), rank_(rank) {}
  int64_t rank() const override { return rank_; }
  int64_t size() const override { return meeting_.size(); }

  void all_gather(at::Tensor out, const at::Tensor& shard) override {
    meeting_.show(rank_, shard.clone(), [&](const auto& shown) {
      for (int64_t r = 0; r < size(); ++r) piece(out, r).copy_(shown[static_cast<size_t>(r)]);
    });
  }
  void all_to_all(at::Tensor out, const at::Tensor& in) override {
    meeting_.show(rank_, in, [&](const auto& shown) {
      for (int64_t r = 0; r < size(); ++r) piece(out, r).copy_(piece(shown[static_cast<size_t>(r)], rank_));
    });
  }
  void reduce_scatter(at::Tensor shard, const at::Tensor& in) override {
    meeting_.show(rank_, in, [&](const auto& shown) {
      shard.zero_();
      for (const auto& whole : shown) shard.add_(piece(whole, rank_));
    });
  }
  void all_reduce(at::Tensor values, Reduce how) override {
    meeting_.show(rank_, values.clone(), [&](const auto& shown) {
      auto* const to = values.mutable_data_ptr<int64_t>();
      for (int64_t i = 0; i < values.numel(); ++i) {
        to[i] = shown[0].template const_data_ptr<int64_t>()[i];
        for (size_t r = 1; r < shown.size(); ++r) {
          const auto other = shown[r].template const_data_ptr<int64_t>()[i];
          to[i] = how == Reduce::sum ? to[i] + other : std::max(to[i], other);
        }
      }
    });
  }
  void broadcast(at::Tensor values, int64_t root) override {
    meeting_.show(rank_, values, [&](const auto& shown) {
      if (rank_ != root) values.copy_(shown[static_cast<size_t>(root)]);
    });
  }
  void barrier() override {
    meeting_.show(rank_, {}, [](const auto&) {});
  }
  void set_timeout(std::chrono::milliseconds) override {}
  void abort(std::string_view reason) noexcept override { meeting_.end(reason); }
  void progress(std::string_view, Doing) override {}

 private:
  at::Tensor piece(const at::Tensor& whole, int64_t place) const {
    const auto count = whole.numel() / size();
    return whole.view({-1}).narrow(0, place * count, count);
  }

  Meeting& meeting_;
  int64_t rank_;
};

/// `work` on so many ranks; returns what each made, or the words of the Error that it threw.
inline std::vector<std::string> on_threads(int64_t size, const std::function<std::string(Comm*)>& work) {
  Meeting meeting(size);
  std::vector<std::string> made(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      ThreadComm comm(meeting, rank);
      auto& mine = made[static_cast<size_t>(rank)];
      try {
        mine = work(size == 1 ? nullptr : &comm);
      } catch (const std::exception& error) {
        comm.abort(error.what());
        mine = error.what();
      }
    });
  for (auto& thread : threads) thread.join();
  return made;
}

}  // namespace llava::core::testing
