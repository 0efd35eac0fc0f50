// What Gloo and NCCL have in common as a Comm: calls of a c10d backend one by one, each under the eyes of the watchdog.
// Costs ten seconds a file: for gloo_comm.cpp and nccl_comm.cpp alone.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <exception>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "comm/board_store.hpp"
#include "comm/gloo_comm.hpp"
#include "comm/memory_failure.hpp"

namespace llava::core {

class BackendComm : public Comm {
 public:
  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }

  void all_gather(at::Tensor out, const at::Tensor& shard) override {
    const auto whole = bytes_of(out);
    auto all = placed(whole), mine = placed(bytes_of(shard));
    call("all_gather", [&] { return backend_->_allgather_base(all, mine); });
    bring_back(whole, all);
  }
  void all_to_all(at::Tensor out, const at::Tensor& in) override {
    const auto whole = bytes_of(out);
    auto received = placed(whole), sent = placed(bytes_of(in));
    std::vector<int64_t> equal_in, equal_out;
    call("all_to_all", [&] { return backend_->alltoall_base(received, sent, equal_out, equal_in); });
    bring_back(whole, received);
  }
  void reduce_scatter(at::Tensor shard, const at::Tensor& in) override {
    auto mine = placed(shard), whole = placed(in);
    call("reduce_scatter", [&] { return backend_->_reduce_scatter_base(mine, whole); });
    bring_back(shard, mine);
  }
  void all_reduce(at::Tensor values, Reduce how) override {
    std::vector<at::Tensor> tensors = {placed(values)};
    c10d::AllreduceOptions options;
    options.reduceOp = how == Reduce::sum ? c10d::ReduceOp::SUM : c10d::ReduceOp::MAX;
    call("all_reduce", [&] { return backend_->allreduce(tensors, options); });
    bring_back(values, tensors.front());
  }
  void broadcast(at::Tensor values, int64_t root) override {
    const auto whole = bytes_of(values);
    std::vector<at::Tensor> tensors = {placed(whole)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    call("broadcast", [&] { return backend_->broadcast(tensors, options); });
    bring_back(whole, tensors.front());
  }
  void set_timeout(std::chrono::milliseconds timeout) override { watchdog_->set_timeout(timeout); }
  void abort(std::string_view reason) noexcept override {
    watchdog_->abort(reason);
    abandon();
  }
  void progress(std::string_view phase, Doing doing) override { watchdog_->progress(phase, doing); }

 protected:
  BackendComm(std::unique_ptr<Board> board, int64_t rank, int64_t size)
      : rank_(rank), size_(size), exceptions_(std::uncaught_exceptions()), board_(std::move(board)) {}
  ~BackendComm() override { end(); }

  /// Where a call wants a tensor: itself, or a copy.
  virtual at::Tensor placed(const at::Tensor& tensor) const { return tensor; }

  /// Returns when `work` is done; throws what ends it, by check_verdict() and fail() alone.
  virtual void finish(const char* name, c10d::Work& work) = 0;

  /// Once there is a backend; nobody goes on before all have a watchdog.
  void begin(const WatchTimes& times) {
    watchdog_ = std::make_unique<Watchdog>(board_->again(), rank_, size_, times);
    barrier();
  }

  /// To be called first by the destructor of who can say finish().
  void end() noexcept {
    if (!watchdog_) return;
    if (std::uncaught_exceptions() > exceptions_) abort("it ended with an error");
    watchdog_.reset();
  }

  template <typename Start>
  void call(const char* name, Start&& start) {
    check_verdict();
    watchdog_->waits(name);
    c10::intrusive_ptr<c10d::Work> work;
    try {
      work = start();
    } catch (const std::exception& error) {
      fail(name, error);
    }
    finish(name, *work);
    watchdog_->done();
  }

  void check_verdict() {
    if (const auto verdict = watchdog_->verdict()) end_with(*verdict);
    if (!backend_) throw Error(Status::distributed, "the connection between the ranks has ended");
  }

  /// Who has no memory left for its part of a call says so; anything else is somebody who does not answer.
  [[noreturn]] void fail(const char* name, const std::exception& error) {
    if (const auto memory = memory_failure(error)) {
      const auto text = cat("out of memory in ", name, ": ", first_line(*memory));
      abort(text);
      throw Error(memory->status(), cat("rank ", rank_, ": ", text)).with("rank", rank_);
    }
    end_with(watchdog_->lost(cat("in ", name, ": ", first_line(error))));
  }

  [[noreturn]] void end_with(const Verdict& verdict) {
    abandon();
    throw Error(Status::distributed, verdict.text).with("rank", verdict.rank);
  }

  // A group with a call under way joins its threads when it is destroyed: that waits for peers that never come. So it is
  // left behind; it ends with the process.
  void abandon() noexcept { [[maybe_unused]] auto* left_behind = backend_.release(); }

  static at::Tensor bytes_of(const at::Tensor& tensor) { return tensor.view({-1}).view(at::kByte); }

  int64_t rank_, size_;
  int exceptions_;
  std::unique_ptr<Board> board_;
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::unique_ptr<Watchdog> watchdog_;

 private:
  static void bring_back(const at::Tensor& given, const at::Tensor& there) {
    if (!there.is_same(given)) given.copy_(there);
  }
};

}  // namespace llava::core
