// Pieces of 4 MiB; of each that was read once its hash is remembered.
#include "train/snapshot_state.hpp"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <unordered_map>

#include "base/error.hpp"
#include "weights/safetensors_header.hpp"

namespace llava::core {
namespace {

constexpr int64_t kPiece = 1 << 20;  // numbers

}  // namespace

SnapshotState::SnapshotState(const std::string& path, std::vector<SnapshotEntry> entries)
    : path_(path), file_(path), entries_(std::move(entries)), buffer_(at::empty({kPiece}, at::kFloat)) {
  const auto header = read_safetensors_header(path);
  if (header.tensors.size() != entries_.size())
    throw Error(Status::format, cat(path, ": has ", header.tensors.size(), " tensors, this run has ", entries_.size()));
  std::unordered_map<std::string_view, const TensorHeader*> found;
  for (const auto& tensor : header.tensors) found.emplace(tensor.name, &tensor);
  for (const auto& entry : entries_) {
    const auto place = found.find(entry.name);
    if (place == found.end()) throw Error(Status::format, cat(path, ": ", entry.name, " is missing"));
    const auto& tensor = *place->second;
    if (tensor.dtype != DType::f32 || tensor.shape != entry.shape)
      throw Error(Status::format, cat(path, ": ", entry.name, " is ", shape_text(tensor.shape), ' ',
                                      dtype_name(tensor.dtype), ", expected ", shape_text(entry.shape), " f32"));
    auto& pieces = pieces_.emplace_back();
    for (int64_t first = 0; first < entry.count; first += kPiece)
      pieces.push_back({entry.part,
                        entry.begin + first,
                        std::min(kPiece, entry.count - first),
                        header.data_offset + tensor.begin + first * static_cast<int64_t>(sizeof(float)),
                        {}});
  }
}

const float* SnapshotState::read(const Piece& piece) {
  auto* const numbers = buffer_.mutable_data_ptr<float>();
  file_.read(piece.offset, numbers, static_cast<size_t>(piece.count) * sizeof(float));
  return numbers;
}

std::string SnapshotState::hash() {
  size_t index = 0;  // of the entry: they come in their order
  return snapshot_hash(entries_, [&](const SnapshotEntry&, const AddNumbers& add) {
    for (auto& piece : pieces_[index++]) {
      const auto* const numbers = read(piece);
      piece.hash = hash_bytes(numbers, static_cast<size_t>(piece.count) * sizeof(float));
      add(numbers, piece.count);
    }
  });
}

void SnapshotState::read(const Wants& wants, const Take& take) {
  for (const auto& pieces : pieces_)
    for (const auto& piece : pieces) {
      if (!wants(piece.part, piece.begin, piece.count)) continue;
      const auto* const numbers = read(piece);
      if (hash_bytes(numbers, static_cast<size_t>(piece.count) * sizeof(float)) != piece.hash)
        throw Error(Status::io, cat(path_, ": was changed while it was read"));
      take(piece.part, piece.begin, buffer_.narrow(0, 0, piece.count));
    }
}

}  // namespace llava::core
