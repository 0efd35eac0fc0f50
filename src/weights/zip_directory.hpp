// The directory of a zip archive as torch.save writes it: stored entries, sizes of 64 bits where needed. Nothing is
// unpacked: an entry is a range of the file. Format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"

namespace llava::core {

struct ZipEntry {
  std::string_view name;  // of the file's bytes
  int64_t begin = 0;      // of the data in the file
  int64_t size = 0;
  uint32_t crc32 = 0;  // 0 also where the writer computed none
};

struct ZipDirectory {
  std::vector<ZipEntry> entries;  // by offset
  std::map<std::string_view, size_t> by_name;

  /// nullptr when there is none.
  const ZipEntry* find(std::string_view name) const;
};

/// Reads the directory at the end and every local header it points to. The whole file is needed; only these parts of
/// it are touched.
///
/// Throws Error(format): no end record in the last bytes (a file cut short, or with a comment, which torch never
/// writes), a directory outside the file or not where the end record says, local and central headers that disagree,
/// entries that overlap or reach into the directory, names twice, absolute, with "..", "\", NUL or not UTF-8.
/// Error(unsupported): compressed or encrypted entries, several disks. Error(limit): more than limits::kZipEntries.
ZipDirectory read_zip_directory(std::span<const std::byte> file, std::string_view where);

/// Compares the data of an entry with its CRC-32; 0 is taken for "not computed", as torch writes it with checksums
/// switched off. Throws Error(format), Error(cancelled | timeout), looked at every 4 MiB.
void check_crc32(std::span<const std::byte> file, const ZipEntry& entry, std::string_view where, const Cancel& cancel);

}  // namespace llava::core
