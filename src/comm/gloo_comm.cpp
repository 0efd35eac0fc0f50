// The one file that includes ProcessGroupGloo.hpp. LibTorch has gloo's code but not its headers, and Debian's are older:
// their GlooStore has another vtable than the one inside LibTorch. That is harmless as long as none is made here, so no
// type of gloo is touched but the pointer to a device; tests/comm/symbols_test.py looks at the object files.
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include "comm/gloo_comm.hpp"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <exception>
#include <thread>

#include "base/error.hpp"
#include "comm/board_store.hpp"
#include "comm/wait_notice.hpp"

namespace llava::core {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSlice{200};           // between two looks for a verdict while a call is under way
constexpr std::chrono::hours kNoTimeOut{24};  // gloo's own: the watchdog judges

class GlooComm : public Comm {
 public:
  GlooComm(std::unique_ptr<Board> board, int64_t rank, int64_t size, const CommOptions& options)
      : rank_(rank), size_(size), exceptions_(std::uncaught_exceptions()), board_(std::move(board)) {
    connect(options);
    watchdog_ = std::make_unique<Watchdog>(board_->again(), rank, size, options.times);
    barrier();  // nobody goes on before all have a watchdog
  }
  ~GlooComm() override {
    if (std::uncaught_exceptions() > exceptions_) abort("it ended with an error");
    watchdog_.reset();
  }

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }

  void all_gather(at::Tensor out, const at::Tensor& shard) override {
    auto all = bytes_of(out), mine = bytes_of(shard);
    call("all_gather", [&] { return backend_->_allgather_base(all, mine); });
  }
  void all_to_all(at::Tensor out, const at::Tensor& in) override {
    auto received = bytes_of(out), sent = bytes_of(in);
    std::vector<int64_t> equal_in, equal_out;
    call("all_to_all", [&] { return backend_->alltoall_base(received, sent, equal_out, equal_in); });
  }
  void reduce_scatter(at::Tensor shard, const at::Tensor& in) override {
    auto whole = in;
    call("reduce_scatter", [&] { return backend_->_reduce_scatter_base(shard, whole); });
  }
  void all_reduce(at::Tensor values, Reduce how) override {
    std::vector<at::Tensor> tensors = {values};
    c10d::AllreduceOptions options;
    options.reduceOp = how == Reduce::sum ? c10d::ReduceOp::SUM : c10d::ReduceOp::MAX;
    call("all_reduce", [&] { return backend_->allreduce(tensors, options); });
  }
  void broadcast(at::Tensor values, int64_t root) override {
    std::vector<at::Tensor> tensors = {bytes_of(values)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    call("broadcast", [&] { return backend_->broadcast(tensors, options); });
  }
  void barrier() override {
    call("barrier", [&] { return backend_->barrier(); });
  }
  void set_timeout(milliseconds timeout) override { watchdog_->set_timeout(timeout); }
  void abort(std::string_view reason) noexcept override {
    watchdog_->abort(reason);
    abandon();
  }
  void progress(std::string_view phase, Doing doing) override { watchdog_->progress(phase, doing); }

 private:
  static at::Tensor bytes_of(const at::Tensor& tensor) { return tensor.view({-1}).view(at::kByte); }

  void connect(const CommOptions& options);

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

  void finish(const char* name, c10d::Work& work) {
    for (;;) {
      try {
        if (work.wait(kSlice)) return;
        fail(name, Error(Status::distributed, "it was given up"));
      } catch (const Error&) {
        throw;
      } catch (const std::exception& error) {
        if (work.isCompleted() && !work.isSuccess()) fail(name, error);
      }
      check_verdict();  // the slice is over, the call is not
    }
  }

  void check_verdict() {
    if (const auto verdict = watchdog_->verdict()) end_with(*verdict);
    if (!backend_) throw Error(Status::distributed, "the connection between the ranks has ended");
  }

  [[noreturn]] void fail(const char* name, const std::exception& error) {
    end_with(watchdog_->lost(cat("in ", name, ": ", first_line(error))));
  }

  [[noreturn]] void end_with(const Verdict& verdict) {
    abandon();
    throw Error(Status::distributed, verdict.text).with("rank", verdict.rank);
  }

  // A group with a call under way joins its threads when it is destroyed: that waits for peers that never come. So it is
  // left behind; it ends with the process.
  void abandon() noexcept { [[maybe_unused]] auto* left_behind = backend_.release(); }

  int64_t rank_, size_;
  int exceptions_;
  std::unique_ptr<Board> board_;
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::unique_ptr<Watchdog> watchdog_;
};

void GlooComm::connect(const CommOptions& options) {
  try {
    auto how = c10d::ProcessGroupGloo::Options::create(options.join);
    how->threads = 1;  // calls come one by one
    how->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(board_->local_host()));
    auto store = c10::make_intrusive<c10d::PrefixStore>("gloo", board_->store().store);
    backend_ =
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(rank_), static_cast<int>(size_), how);
    backend_->setTimeout(kNoTimeOut);
  } catch (const std::exception& error) {
    throw Error(Status::distributed, cat("rank ", rank_, " cannot connect to the others: ", first_line(error)));
  }
}

// "rank 3 of 4", "ranks 1, 3 of 4"; the first of them is known.
std::string missing_ranks(Board& board, int64_t first, int64_t size) {
  auto names = cat(first);
  bool several = false;
  for (int64_t other = first + 1; other < size; ++other) {
    if (board.has(cat("joined/", other))) continue;
    names += cat(", ", other);
    several = true;
  }
  return cat(several ? "ranks " : "rank ", names, " of ", size);
}

// Every rank once, and all of them.
void join(Board& board, int64_t rank, int64_t size, const CommOptions& options) {
  if (board.add(cat("join/", rank), 1) != 1)
    throw Error(Status::distributed, cat("two processes are rank ", rank, " of ", size)).with("rank", rank);
  board.put(cat("joined/", rank), "");
  const auto end = std::chrono::steady_clock::now() + options.join;
  WaitNotice notice(options.notice);
  for (int64_t other = 0; other < size; ++other) {
    while (!board.has(cat("joined/", other))) {
      notice.look([&] { return missing_ranks(board, other, size); });
      if (std::chrono::steady_clock::now() >= end)
        throw Error(Status::distributed,
                    cat("rank ", other, " of ", size, " did not come within ", options.join.count(), " ms"))
            .with("rank", other);
      std::this_thread::sleep_for(milliseconds(5));
    }
  }
}

}  // namespace

std::unique_ptr<Comm> open_comm(std::unique_ptr<Board> board, int64_t rank, int64_t size, const CommOptions& options) {
  if (size < 1 || size > kMostRanks || rank < 0 || rank >= size)
    throw Error(Status::argument, cat("rank ", rank, " of ", size, ", expected 0 <= rank < size <= ", kMostRanks));
  if (size == 1) return nullptr;
  join(*board, rank, size, options);
  return std::make_unique<GlooComm>(std::move(board), rank, size, options);
}

std::unique_ptr<Comm> open_comm(const Place& place, const CommOptions& options) {
  if (place.size == 1) return nullptr;
  return open_comm(Board::over_tcp(place.meeting, options.join), place.rank, place.size, options);
}

}  // namespace llava::core
