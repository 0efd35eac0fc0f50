// Zip directories: entries lie inside the file, apart from each other, under names that leave nothing.
#include "weights/zip_directory.hpp"
#include "fuzz.hpp"

using namespace llava;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto file = fuzz::bytes_of(data, size);
    const auto directory = core::read_zip_directory(file, "file");
    int64_t end = 0;
    for (const auto& entry : directory.entries) {
      fuzz::require(entry.begin >= end && entry.size >= 0, "entries overlap", entry.name);
      end = entry.begin + entry.size;
      fuzz::require(end <= static_cast<int64_t>(size), "an entry outside the file", entry.name);
      fuzz::require(!entry.name.empty() && entry.name.front() != '/' && !entry.name.starts_with("../"),
                    "a name that leaves", entry.name);
      fuzz::require(directory.find(entry.name) == &entry, "an entry that is not found by its name", entry.name);
    }
    for (const auto& entry : directory.entries) fuzz::accepted([&] { core::check_crc32(file, entry, "file", {}); });
  });
  return 0;
}
