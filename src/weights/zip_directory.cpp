// From the end record to the directory, from the directory to the local headers; every number is compared with what is
// left of the file before it is used.
#include "weights/zip_directory.hpp"

#include <zlib.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr uint32_t kEndSignature = 0x06054b50, kEnd64Signature = 0x06064b50, kLocatorSignature = 0x07064b50;
constexpr uint32_t kCentralSignature = 0x02014b50, kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20, kCentralBytes = 46, kLocalBytes = 30;
constexpr size_t kBlockBytes = size_t{4} << 20;
constexpr uint16_t kFull16 = 0xFFFF;  // "see the record of 64 bits"
constexpr uint32_t kFull32 = 0xFFFFFFFF;
constexpr uint16_t kDescriptorFlag = 8, kUtf8Flag = 0x800;

[[noreturn]] void refuse(std::string_view where, const std::string& what, Status status = Status::format) {
  throw Error(status, cat(where, ": ", what));
}

// little-endian numbers at places that were checked
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> file) : file_(file) {}
  size_t size() const { return file_.size(); }
  uint64_t number(size_t at, size_t bytes) const {
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) value = value << 8 | static_cast<uint64_t>(file_[at + i]);
    return value;
  }
  uint16_t u16(size_t at) const { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t u32(size_t at) const { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(size_t at) const { return number(at, 8); }
  std::string_view text(size_t at, size_t bytes) const {
    return {reinterpret_cast<const char*>(file_.data()) + at, bytes};
  }

 private:
  std::span<const std::byte> file_;
};

struct Place {
  uint64_t entries = 0, begin = 0, size = 0;  // of the central directory
  uint64_t end = 0;                           // where it has to end: the first end record
};

// what both end records say of a field must be the same, or the small one refers to the large one
void check_same(uint64_t small, uint64_t full, uint64_t large, const char* what, std::string_view where) {
  if (small != full && small != large)
    refuse(where, cat("the zip end records disagree: ", small, " and ", large, " ", what));
}

Place place_of_directory(const Bytes& bytes, std::string_view where) {
  if (bytes.size() < kEndBytes || bytes.u32(bytes.size() - kEndBytes) != kEndSignature)
    refuse(where, cat("the zip directory is not at the end of its ", bytes.size(), " bytes: the file is cut short"));
  const auto end = bytes.size() - kEndBytes;
  if (bytes.u16(end + 20) != 0)
    refuse(where, cat("the zip end record announces a comment of ", bytes.u16(end + 20), " bytes"));
  const uint64_t disk = bytes.u16(end + 4), first = bytes.u16(end + 6);
  Place place{bytes.u16(end + 10), bytes.u32(end + 16), bytes.u32(end + 12), end};
  const bool has_locator = end >= kLocatorBytes && bytes.u32(end - kLocatorBytes) == kLocatorSignature;
  if (!has_locator) {
    if (disk != 0 || first != 0 || bytes.u16(end + 8) != place.entries)
      refuse(where, "the zip archive is one of several disks", Status::unsupported);
    if (place.entries == kFull16 || place.begin == kFull32 || place.size == kFull32)
      refuse(where, "the zip end record refers to one of 64 bits, which is not there");
    return place;
  }
  const auto locator = end - kLocatorBytes;
  if (locator < kEnd64Bytes || bytes.u64(locator + 8) != locator - kEnd64Bytes ||
      bytes.u32(locator - kEnd64Bytes) != kEnd64Signature || bytes.u64(locator - kEnd64Bytes + 4) != kEnd64Bytes - 12)
    refuse(where, cat("the zip locator points to ", bytes.u64(locator + 8), ", where no end record of 64 bits stands"));
  const auto large = locator - kEnd64Bytes;
  if (bytes.u32(locator + 4) != 0 || bytes.u32(locator + 16) > 1 || bytes.u32(large + 16) != 0 ||
      bytes.u32(large + 20) != 0 || bytes.u64(large + 24) != bytes.u64(large + 32))
    refuse(where, "the zip archive is one of several disks", Status::unsupported);
  const Place full{bytes.u64(large + 32), bytes.u64(large + 48), bytes.u64(large + 40), large};
  check_same(place.entries, kFull16, full.entries, "entries", where);
  check_same(place.begin, kFull32, full.begin, "as the directory's offset", where);
  check_same(place.size, kFull32, full.size, "bytes of directory", where);
  return full;
}

void check_place(const Place& place, std::string_view where) {
  if (place.entries > static_cast<uint64_t>(limits::kZipEntries))
    refuse(where, cat(place.entries, " zip entries, at most ", limits::kZipEntries), Status::limit);
  if (place.begin > place.end || place.end - place.begin != place.size)
    refuse(where, cat("the zip directory of ", place.size, " bytes at ", place.begin, " does not end at ", place.end,
                      ", where its end record stands"));
  if (place.entries > place.size / kCentralBytes)
    refuse(where, cat(place.entries, " zip entries in a directory of ", place.size, " bytes"));
}

struct Central {
  std::string_view name;
  uint16_t flags = 0;
  uint32_t crc32 = 0;
  uint64_t packed = 0, size = 0, local = 0;
  size_t next = 0;  // where the next one begins
};

// the fields that did not fit 32 bits, in their order (4.5.3)
void widen(const Bytes& bytes, size_t at, size_t end, Central& entry, std::string_view place) {
  const bool wanted = entry.size == kFull32 || entry.packed == kFull32 || entry.local == kFull32;
  while (at + 4 <= end) {
    const size_t field_bytes = bytes.u16(at + 2);
    if (field_bytes > end - at - 4) refuse(place, "an extra field reaches past its entry");
    if (bytes.u16(at) == 1 && wanted) {
      size_t next = at + 4;
      const auto field_end = next + field_bytes;
      for (auto* number : {&entry.size, &entry.packed, &entry.local}) {
        if (*number != kFull32) continue;
        if (field_end - next < 8) refuse(place, "the extra field of 64 bits is too short");
        *number = bytes.u64(next);
        next += 8;
      }
      return;
    }
    at += 4 + field_bytes;
  }
  if (wanted) refuse(place, "a size of 64 bits is announced and absent");
}

void check_name(std::string_view name, std::string_view where) {
  const auto shown = cat("the zip entry \"", printable(name), "\"");
  if (name.empty()) refuse(where, "a zip entry without a name");
  if (static_cast<int64_t>(name.size()) > limits::kPathBytes)
    refuse(where, cat("a zip entry's name of ", name.size(), " bytes, at most ", limits::kPathBytes), Status::limit);
  if (name.find('\0') != name.npos) refuse(where, cat(shown, " holds a NUL"));
  if (!valid_utf8(name)) refuse(where, cat(shown, " is not UTF-8"));
  if (name.front() == '/') refuse(where, cat(shown, " is an absolute path"));
  if (name.find('\\') != name.npos) refuse(where, cat(shown, " holds a backslash"));
  if (cat("/", name, "/").find("/../") != std::string::npos) refuse(where, cat(shown, " leaves the archive"));
}

Central read_central(const Bytes& bytes, size_t at, size_t end, std::string_view where) {
  if (end - at < kCentralBytes || bytes.u32(at) != kCentralSignature)
    refuse(where, cat("no zip directory entry at ", at, ", where one should begin"));
  Central entry;
  const size_t name_bytes = bytes.u16(at + 28), extra_bytes = bytes.u16(at + 30), comment_bytes = bytes.u16(at + 32);
  if (name_bytes + extra_bytes + comment_bytes > end - at - kCentralBytes)
    refuse(where, cat("the zip directory entry at ", at, " reaches past the directory"));
  entry.name = bytes.text(at + kCentralBytes, name_bytes);
  check_name(entry.name, where);
  const auto place = cat(where, ": ", printable(entry.name));
  entry.flags = bytes.u16(at + 8);
  if (entry.flags & 1) refuse(place, "the zip entry is encrypted", Status::unsupported);
  if (entry.flags & ~(kDescriptorFlag | kUtf8Flag))
    refuse(place, cat("the zip entry has the flags ", entry.flags, ", torch writes ", kDescriptorFlag | kUtf8Flag),
           Status::unsupported);
  if (bytes.u16(at + 10) != 0)
    refuse(place, cat("the zip entry is compressed (method ", bytes.u16(at + 10), "); torch stores them as they are"),
           Status::unsupported);
  entry.crc32 = bytes.u32(at + 16);
  entry.packed = bytes.u32(at + 20);
  entry.size = bytes.u32(at + 24);
  entry.local = bytes.u32(at + 42);
  if (bytes.u16(at + 34) != 0) refuse(place, "the zip entry lies on another disk", Status::unsupported);
  widen(bytes, at + kCentralBytes + name_bytes, at + kCentralBytes + name_bytes + extra_bytes, entry, place);
  if (entry.packed != entry.size)
    refuse(place, cat("stored as it is, and yet ", entry.packed, " bytes in the archive and ", entry.size, " outside"));
  entry.next = at + kCentralBytes + name_bytes + extra_bytes + comment_bytes;
  return entry;
}

// the local header against the central one; gives the range of the data
ZipEntry locate(const Bytes& bytes, const Central& central, size_t data_end, std::string_view where) {
  const auto place = cat(where, ": ", printable(central.name));
  if (central.local > data_end || data_end - central.local < kLocalBytes)
    refuse(place, cat("its offset ", central.local, " lies outside the ", data_end, " bytes of data"));
  const auto at = static_cast<size_t>(central.local);
  if (bytes.u32(at) != kLocalSignature) refuse(place, cat("no local zip header at ", at));
  const size_t name_bytes = bytes.u16(at + 26), extra_bytes = bytes.u16(at + 28);
  const auto left = data_end - at - kLocalBytes;
  if (name_bytes + extra_bytes > left || central.size > left - name_bytes - extra_bytes)
    refuse(place, cat(central.size, " bytes from ", at, " on reach past the ", data_end, " bytes of data"));
  if (bytes.text(at + kLocalBytes, name_bytes) != central.name)
    refuse(place,
           cat("the local zip header at ", at, " names \"", printable(bytes.text(at + kLocalBytes, name_bytes)), "\""));
  if (bytes.u16(at + 6) != central.flags || bytes.u16(at + 8) != 0)
    refuse(place, "flags or method of the local zip header are not the directory's");
  const bool later = central.flags & kDescriptorFlag;  // the numbers follow the data, zeros stand here
  for (const size_t field : {size_t{18}, size_t{22}}) {
    const auto size = bytes.u32(at + field);
    if (size != central.size && size != kFull32 && !(later && size == 0))
      refuse(place, cat("the local zip header says ", size, " bytes, the directory ", central.size));
  }
  if (const auto crc = bytes.u32(at + 14); crc != central.crc32 && !(later && crc == 0))
    refuse(place, "the local zip header has another CRC-32 than the directory");
  ZipEntry entry;
  entry.name = central.name;
  entry.begin = static_cast<int64_t>(at + kLocalBytes + name_bytes + extra_bytes);
  entry.size = static_cast<int64_t>(central.size);
  entry.crc32 = central.crc32;
  return entry;
}

struct Extent {
  size_t begin = 0;  // of the local header
  ZipEntry entry;
};

void check_apart(const std::vector<Extent>& extents, std::string_view where) {
  for (size_t i = 1; i < extents.size(); ++i) {
    const auto& before = extents[i - 1].entry;
    if (static_cast<int64_t>(extents[i].begin) < before.begin + before.size)
      refuse(where, cat("the zip entries ", printable(before.name), " and ", printable(extents[i].entry.name),
                        " overlap at ", extents[i].begin));
  }
}

}  // namespace

const ZipEntry* ZipDirectory::find(std::string_view name) const {
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : &entries[found->second];
}

ZipDirectory read_zip_directory(std::span<const std::byte> file, std::string_view where) {
  const Bytes bytes(file);
  const auto place = place_of_directory(bytes, where);
  check_place(place, where);
  const auto begin = static_cast<size_t>(place.begin), end = static_cast<size_t>(place.end);
  std::vector<Extent> extents;
  size_t at = begin;
  for (uint64_t i = 0; i < place.entries; ++i) {
    const auto central = read_central(bytes, at, end, where);
    extents.push_back({static_cast<size_t>(central.local), locate(bytes, central, begin, where)});
    at = central.next;
  }
  if (at != end) refuse(where, cat(end - at, " bytes of zip directory after its ", place.entries, " entries"));
  std::stable_sort(extents.begin(), extents.end(), [](const auto& a, const auto& b) { return a.begin < b.begin; });
  ZipDirectory directory;
  for (const auto& extent : extents) {
    if (!directory.by_name.emplace(extent.entry.name, directory.entries.size()).second)
      refuse(where, cat("the zip entry \"", printable(extent.entry.name), "\" stands twice"));
    directory.entries.push_back(extent.entry);
  }
  check_apart(extents, where);
  return directory;
}

void check_crc32(std::span<const std::byte> file, const ZipEntry& entry, std::string_view where, const Cancel& cancel) {
  if (entry.crc32 == 0) return;
  const auto data = file.subspan(static_cast<size_t>(entry.begin), static_cast<size_t>(entry.size));
  uLong sum = 0;
  for (size_t done = 0; done < data.size(); done += kBlockBytes) {
    cancel.poll("load");
    const auto block = data.subspan(done, std::min(kBlockBytes, data.size() - done));
    sum = ::crc32_z(sum, reinterpret_cast<const Bytef*>(block.data()), block.size());
  }
  if (sum != entry.crc32)
    refuse(where, cat(printable(entry.name), ": the CRC-32 of its ", entry.size, " bytes is ", sum,
                      ", the zip directory says ", entry.crc32, ": the file is damaged"));
}

}  // namespace llava::core
