// The numbers of a snapshot on their way back: the file is read twice, piece by piece, first to see that it is whole, then
// for what this rank has of it. So going on takes no more memory than the run does.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "base/files.hpp"
#include "base/hash.hpp"
#include "train/snapshot_file.hpp"

namespace llava::core {

class SnapshotState {
 public:
  /// Opens state.safetensors of a snapshot. Throws Error(format | limit) unless it has these entries and no others,
  /// Error(not_found | io).
  SnapshotState(const std::string& path, std::vector<SnapshotEntry> entries);

  int64_t size_bytes() const { return file_.size(); }

  /// Reads everything; snapshot_hash() of it.
  std::string hash();

  /// After hash(): `take` gets each piece that `wants` says is wanted, f32, in a tensor that is used again.
  /// Throws Error(io) when a piece is not what hash() has read.
  using Wants = std::function<bool(size_t part, int64_t begin, int64_t count)>;
  using Take = std::function<void(size_t part, int64_t begin, const at::Tensor& numbers)>;
  void read(const Wants& wants, const Take& take);

 private:
  struct Piece {
    size_t part;
    int64_t begin, count;  // in the flat buffers
    int64_t offset;        // in the file
    Hash128 hash;          // once it has been read
  };
  const float* read(const Piece& piece);

  std::string path_;
  FileReader file_;
  std::vector<SnapshotEntry> entries_;
  std::vector<std::vector<Piece>> pieces_;  // of each entry
  at::Tensor buffer_;
};

}  // namespace llava::core
