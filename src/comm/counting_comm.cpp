// What is exchanged with nobody.
#include "comm/counting_comm.hpp"

#include "base/error.hpp"

namespace llava::core {

CountingComm::CountingComm(int64_t rank, int64_t size) : rank_(rank), size_(size) {
  if (size < 1 || size > 1024 || rank < 0 || rank >= size)
    throw Error(Status::argument, cat("rank ", rank, " of ", size, " ranks, expected 0 <= rank < size <= 1024"));
}

void CountingComm::moved(const char* name, const at::Tensor& whole) {
  const auto bytes = static_cast<int64_t>(whole.nbytes());
  calls_.push_back({name, bytes});
  sent_ += bytes / size_ * (size_ - 1);
}

void CountingComm::all_gather(at::Tensor out, const at::Tensor& shard) {
  moved("all_gather", out);
  const auto count = shard.numel();
  const auto mine = shard.clone();  // it may lie in `out`
  out.zero_();
  out.view({-1}).narrow(0, rank_ * count, count).copy_(mine.view({-1}));
}

void CountingComm::all_to_all(at::Tensor out, const at::Tensor& in) {
  moved("all_to_all", in);
  const auto count = in.numel() / size_;
  out.zero_();
  out.view({-1}).narrow(0, rank_ * count, count).copy_(in.view({-1}).narrow(0, rank_ * count, count));
}

void CountingComm::reduce_scatter(at::Tensor shard, const at::Tensor& in) {
  moved("reduce_scatter", in);
  shard.view({-1}).copy_(in.view({-1}).narrow(0, rank_ * shard.numel(), shard.numel()));
}

void CountingComm::all_reduce(at::Tensor values, Reduce how) {
  calls_.push_back({how == Reduce::sum ? "all_reduce sum" : "all_reduce max", static_cast<int64_t>(values.nbytes())});
}

void CountingComm::broadcast(at::Tensor values, int64_t root) {
  calls_.push_back({cat("broadcast from ", root), static_cast<int64_t>(values.nbytes())});
}

}  // namespace llava::core
