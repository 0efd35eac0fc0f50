// Named tensors of a checkpoint as views into its files: pointer, shape, dtype, owner. No tensor library, no copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/dtype.hpp"
#include "base/files.hpp"

namespace llava::core {

struct TensorView {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;       // row-major, contiguous; empty = a scalar
  const std::byte* data = nullptr;  // little-endian; NOT necessarily aligned to the dtype: the format promises nothing
  size_t size_bytes = 0;
  std::string file;                   // the file's name without its folder, for messages
  std::shared_ptr<const void> owner;  // keeps the memory alive
};

/// A file that views are mapped from, as it was when it was opened.
struct MappedSource {
  std::string path;  // absolute
  FileStamp stamp;
  std::weak_ptr<const void> memory;  // gone once no view needs the file any more: what becomes of it matters no longer
};

class TensorMap {
 public:
  /// Throws Error(format) when a tensor of that name is there already; the message names both files.
  void add(TensorView view);

  /// nullptr when there is none; valid until the next add().
  const TensorView* find(std::string_view name) const;

  /// In the order of the files and of the offsets in them.
  const std::vector<TensorView>& all() const { return views_; }
  size_t size() const { return views_.size(); }
  bool empty() const { return views_.empty(); }

  /// Of all tensors together.
  int64_t size_bytes() const { return size_bytes_; }

  /// The mapped files; those that were read into memory are not among them.
  const std::vector<MappedSource>& mapped_files() const { return mapped_files_; }
  void add_file(MappedSource file) { mapped_files_.push_back(std::move(file)); }

 private:
  std::vector<TensorView> views_;
  std::map<std::string, size_t, std::less<>> index_;
  int64_t size_bytes_ = 0;
  std::vector<MappedSource> mapped_files_;
};

/// How a file was when it was mapped.
MappedSource mapped_source(const MappedFile& file);

/// To be called before the bytes of mapped views are read: a file that was cut or written to since it was opened would
/// end the process (SIGBUS) or give other weights. Throws Error(io) with file, size and what was found. Files that were
/// renamed, replaced or removed are as good as before: their mapping still holds them; so are those that cannot be looked
/// at any more, because the process has given up its rights. One stat() a file, about a microsecond.
void check_unchanged(const std::vector<MappedSource>& files);
inline void check_unchanged(const TensorMap& map) { check_unchanged(map.mapped_files()); }

}  // namespace llava::core
