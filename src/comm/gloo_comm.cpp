// The one file that includes ProcessGroupGloo.hpp. LibTorch has gloo's code but not its headers, and Debian's are older:
// their GlooStore has another vtable than the one inside LibTorch. That is harmless as long as none is made here, so no
// type of gloo is touched but the pointer to a device; tests/comm/symbols_test.py looks at the object files.
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO
#endif
#include "comm/gloo_comm.hpp"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <thread>

#include "comm/backend_comm.hpp"
#include "comm/nccl_comm.hpp"
#include "comm/wait_notice.hpp"

namespace llava::core {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSlice{200};           // between two looks for a verdict while a call is under way
constexpr std::chrono::hours kNoTimeOut{24};  // gloo's own: the watchdog judges

class GlooComm : public BackendComm {
 public:
  GlooComm(std::unique_ptr<Board> board, int64_t rank, int64_t size, const CommOptions& options)
      : BackendComm(std::move(board), rank, size) {
    connect(options);
    begin(options.times);
  }
  ~GlooComm() override { end(); }

  void barrier() override {
    call("barrier", [&] { return backend_->barrier(); });
  }

 private:
  void connect(const CommOptions& options);

  void finish(const char* name, c10d::Work& work) override {
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

std::unique_ptr<Comm> open_comm(std::unique_ptr<Board> board, int64_t rank, int64_t size, const CommOptions& options,
                                const c10::Device& device) {
  if (size < 1 || size > kMostRanks || rank < 0 || rank >= size)
    throw Error(Status::argument, cat("rank ", rank, " of ", size, ", expected 0 <= rank < size <= ", kMostRanks));
  if (size == 1) return nullptr;
  join(*board, rank, size, options);
  if (!device.is_cpu()) return nccl_comm(std::move(board), rank, size, options, device);
  return std::make_unique<GlooComm>(std::move(board), rank, size, options);
}

std::unique_ptr<Comm> open_comm(const Place& place, const CommOptions& options, const c10::Device& device) {
  if (place.size == 1) return nullptr;
  return open_comm(Board::over_tcp(place.meeting, options.join), place.rank, place.size, options, device);
}

}  // namespace llava::core
