// Scalars as TensorBoard reads them: a TFRecord file of Event messages.
//
//   record   uint64 length, masked CRC-32C of it, the message, masked CRC-32C of that; little-endian
//   Event    1 wall_time (double), 2 step (int64), 3 file_version (text), 5 summary { 1 value { 1 tag, 2 simple_value } }
//
// Source: tensorflow v2.16, core/lib/io/record_writer.cc, core/util/event.proto, core/framework/summary.proto.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llava::core {

class TensorboardFile {
 public:
  /// Makes `folder`/events.out.tfevents.<seconds>.llava-<process>. Throws Error(io).
  explicit TensorboardFile(const std::string& folder);
  ~TensorboardFile();
  TensorboardFile(const TensorboardFile&) = delete;
  TensorboardFile& operator=(const TensorboardFile&) = delete;

  /// The numbers of one step, each under its tag. Throws Error(io).
  void add(int64_t step, const std::vector<std::pair<std::string_view, double>>& scalars);

  const std::string& path() const { return path_; }

 private:
  void write(const std::string& message);

  std::string path_;
  int descriptor_ = -1;
};

/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected).
uint32_t crc32c(std::string_view bytes);

}  // namespace llava::core
