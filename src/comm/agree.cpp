// Lengths first, as integers; then the bytes.
#include "comm/agree.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <cstring>
#include <optional>

#include "comm/memory_failure.hpp"

namespace llava::core {
namespace {

int64_t largest(Comm& comm, int64_t value) {
  auto found = at::full({1}, value, at::kLong);
  comm.all_reduce(found, Reduce::max);
  return *found.const_data_ptr<int64_t>();
}

at::Tensor bytes_of(const std::string& text, int64_t length) {
  auto bytes = at::zeros({length}, at::kByte);
  std::memcpy(bytes.mutable_data_ptr<uint8_t>(), text.data(), text.size());
  return bytes;
}

std::string text_of(const at::Tensor& bytes, int64_t begin, int64_t length) {
  return {reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()) + begin, static_cast<size_t>(length)};
}

// rank, or the number of ranks where none has `mine`
int64_t lowest_with(Comm& comm, bool mine) { return comm.size() - largest(comm, mine ? comm.size() - comm.rank() : 0); }

// Of the lowest rank that has one, thrown on all.
void share_outcome(Comm* comm, const std::optional<Error>& mine) {
  const auto first = lowest_with(*comm, mine.has_value());
  if (first == comm->size()) return;
  const auto text = shared_text(comm, mine ? mine->message() : "", first);
  const auto status = shared_text(comm, mine ? std::to_string(static_cast<int>(mine->status())) : "", first);
  if (comm->rank() == first) throw *mine;
  throw Error(static_cast<Status>(std::stoi(status)), cat("rank ", first, ": ", text)).with("rank", first);
}

}  // namespace

std::string shared_text(Comm* comm, const std::string& text, int64_t root) {
  if (!comm) return text;
  auto length = at::full({1}, static_cast<int64_t>(text.size()), at::kLong);
  comm->broadcast(length, root);
  const auto count = *length.const_data_ptr<int64_t>();
  if (count == 0) return {};
  auto bytes = comm->rank() == root ? bytes_of(text, count) : at::zeros({count}, at::kByte);
  comm->broadcast(bytes, root);
  return text_of(bytes, 0, count);
}

bool any_rank(Comm* comm, bool mine) { return comm ? largest(*comm, mine ? 1 : 0) == 1 : mine; }

void together(Comm* comm, const std::function<void()>& work) {
  if (!comm) return work();
  std::optional<Error> mine;
  try {
    work();
  } catch (const Error& error) {
    mine = error;
  } catch (const std::exception& error) {
    mine = memory_failure(error);
    if (!mine) {
      comm->abort(error.what());
      throw;
    }
  }
  try {
    share_outcome(comm, mine);
  } catch (const Error& error) {  // nobody is there to be told: what happened here first is what is said
    if (mine && error.status() == Status::distributed) throw *mine;
    throw;
  }
}

void require_same(Comm* comm, std::string_view what, const std::string& text) {
  if (!comm) return;
  const auto first = shared_text(comm, text);
  const auto other = lowest_with(*comm, text != first);
  if (other == comm->size()) return;
  const auto theirs = shared_text(comm, text, other);
  throw Error(Status::argument, cat(what, " differs: rank 0 has ", first, ", rank ", other, " has ", theirs))
      .with("rank", other);
}

}  // namespace llava::core
