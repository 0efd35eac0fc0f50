// The one file that includes ProcessGroupNCCL.hpp, and with it nccl.h: of the release that LibTorch was built with, for a
// struct of it lies inside the group's options (tools/pins.txt). A build without CUDA has no_nccl.cpp instead.
#ifndef USE_C10D_NCCL
#define USE_C10D_NCCL
#endif
#include "comm/nccl_comm.hpp"

#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <thread>

#include "comm/backend_comm.hpp"

namespace llava::core {
namespace {

constexpr std::chrono::microseconds kPause{50};  // between two looks whether a call is over
constexpr std::chrono::milliseconds kSlice{200};
constexpr std::chrono::hours kNoTimeOut{24};  // c10d's own: the watchdog judges

class NcclComm : public BackendComm {
 public:
  NcclComm(std::unique_ptr<Board> board, int64_t rank, int64_t size, const CommOptions& options,
           const c10::Device& device)
      : BackendComm(std::move(board), rank, size), device_(device) {
    connect();
    begin(options.times);
  }
  ~NcclComm() override {
    end();
    if (!backend_) return;
    try {
      backend_->shutdown();
    } catch (const std::exception&) {
      abandon();  // nobody is left to be told
    }
  }

  // Of the group's own barrier one cannot say on which card.
  void barrier() override { all_reduce(at::zeros({1}, at::TensorOptions(device_).dtype(at::kLong)), Reduce::sum); }

 private:
  void connect();
  at::Tensor placed(const at::Tensor& tensor) const override { return tensor.to(device_); }

  // The group only puts the call on a stream: the host waits for it here, where it can hear that a peer is lost. Then the
  // stream of this thread is told to wait too, which costs nothing any more.
  void finish(const char* name, c10d::Work& work) override {
    auto heard = std::chrono::steady_clock::now();
    try {
      while (!work.isCompleted()) {
        std::this_thread::sleep_for(kPause);
        if (std::chrono::steady_clock::now() - heard < kSlice) continue;
        check_verdict();
        heard = std::chrono::steady_clock::now();
      }
      if (const auto error = work.exception()) std::rethrow_exception(error);
      work.wait();
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      fail(name, error);
    }
  }

  c10::Device device_;
};

void NcclComm::connect() {
  try {
    const c10::DeviceGuard guard(device_);
    auto how = c10d::ProcessGroupNCCL::Options::create();
    how->timeout = kNoTimeOut;
    auto store = c10::make_intrusive<c10d::PrefixStore>("nccl", board_->store().store);
    backend_ =
        c10::make_intrusive<c10d::ProcessGroupNCCL>(store, static_cast<int>(rank_), static_cast<int>(size_), how);
  } catch (const std::exception& error) {
    throw Error(Status::distributed,
                cat("rank ", rank_, " cannot connect to the others over NCCL: ", first_line(error)));
  }
}

}  // namespace

std::unique_ptr<Comm> nccl_comm(std::unique_ptr<Board> board, int64_t rank, int64_t size, const CommOptions& options,
                                const c10::Device& device) {
  return std::make_unique<NcclComm>(std::move(board), rank, size, options, device);
}

}  // namespace llava::core
