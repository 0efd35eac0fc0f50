// One of up to 1024 imaginary ranks: moves nothing and adds up what a real one would have sent, so that volumes and the
// order of calls can be looked at without machines.
#pragma once

#include <vector>

#include "comm/comm.hpp"

namespace llava::core {

class CountingComm : public Comm {
 public:
  struct Call {
    std::string name;
    int64_t bytes;  // of the larger side, as it lies in memory
    bool operator==(const Call&) const = default;
  };

  /// Throws Error(argument) unless 0 <= rank < size <= 1024.
  CountingComm(int64_t rank, int64_t size);

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }

  // The others are taken to have sent zeros, and to have nothing to add.
  void all_gather(at::Tensor out, const at::Tensor& shard) override;
  void all_to_all(at::Tensor out, const at::Tensor& in) override;
  void reduce_scatter(at::Tensor shard, const at::Tensor& in) override;
  void all_reduce(at::Tensor values, Reduce how) override;
  void broadcast(at::Tensor values, int64_t root) override;
  void barrier() override { calls_.push_back({"barrier", 0}); }
  void set_timeout(std::chrono::milliseconds) override {}
  void abort(std::string_view) noexcept override {}
  void progress(std::string_view, Doing) override {}

  const std::vector<Call>& calls() const { return calls_; }

  /// What this rank sends in exchanges of tensors: (size - 1) / size of the larger side each time. Integers that are
  /// reduced are not among them.
  int64_t sent_bytes() const { return sent_; }

  void clear() { calls_.clear(), sent_ = 0; }

 private:
  void moved(const char* name, const at::Tensor& whole);

  int64_t rank_, size_, sent_ = 0;
  std::vector<Call> calls_;
};

}  // namespace llava::core
