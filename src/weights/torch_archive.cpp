// Zip archives of torch.save. Source: PyTorch, caffe2/serialize/inline_container.cc and torch/serialization.py.
#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "weights/torch_contents.hpp"
#include "weights/zip_directory.hpp"

namespace llava::core {
namespace {

constexpr int kNewestVersion = 10;  // kMaxSupportedFileFormatVersion

[[noreturn]] void refuse(std::string_view where, const std::string& what, Status status = Status::format) {
  throw Error(status, cat(where, ": ", what));
}

class Archive {
 public:
  Archive(std::span<const std::byte> file, std::string_view where, const OpenOptions& options)
      : file_(file), where_(where), options_(options), directory_(read_zip_directory(file, where)) {
    if (directory_.entries.empty()) refuse(where_, "an archive without entries");
    const auto first = directory_.entries.front().name;
    folder_ = std::string(first.substr(0, first.find('/') + 1));
    if (folder_.empty()) refuse(where_, cat("the zip entry \"", printable(first), "\" is in no folder, torch has one"));
    for (const auto& entry : directory_.entries)
      if (!entry.name.starts_with(folder_))
        refuse(where_, cat("the zip entry \"", printable(entry.name), "\" is not in the folder ", printable(folder_)));
  }

  const ZipEntry* find(std::string_view name) const { return directory_.find(cat(folder_, name)); }
  const ZipEntry& need(std::string_view name) const {
    const auto* entry = find(name);
    if (!entry) refuse(where_, cat("has no ", printable(folder_), printable(name), ", which files of torch.save have"));
    return *entry;
  }
  std::span<const std::byte> data(const ZipEntry& entry) const {
    return file_.subspan(static_cast<size_t>(entry.begin), static_cast<size_t>(entry.size));
  }
  // a whole small record, its sum compared
  std::string_view text(const ZipEntry& entry, int64_t max_bytes) const {
    if (entry.size > max_bytes)
      refuse(where_, cat(printable(entry.name), ": ", entry.size, " bytes, at most ", max_bytes), Status::limit);
    check_crc32(file_, entry, where_, options_.cancel);
    const auto bytes = data(entry);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  void check_sum(const ZipEntry& entry) const { check_crc32(file_, entry, where_, options_.cancel); }
  const std::string& folder() const { return folder_; }

 private:
  std::span<const std::byte> file_;
  std::string_view where_;
  const OpenOptions& options_;
  ZipDirectory directory_;
  std::string folder_;
};

void check_version(const Archive& archive, std::string_view where) {
  auto text = archive.text(archive.need("version"), 16);
  while (text.ends_with('\n')) text.remove_suffix(1);
  int version = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9' || version > 999)
      refuse(where, cat("the version \"", printable(text), "\" is no number"));
    version = version * 10 + (digit - '0');
  }
  if (text.empty() || version < 1) refuse(where, cat("the version \"", printable(text), "\" is no number from 1 on"));
  if (version > kNewestVersion)
    refuse(where, cat("an archive of version ", version, ", read are 1 to ", kNewestVersion), Status::unsupported);
}

bool reads_big_endian(const Archive& archive, std::string_view where) {
  const auto* entry = archive.find("byteorder");  // since torch 2.1; before that everything was little
  if (!entry) return false;
  const auto order = archive.text(*entry, 16);
  if (order != "little" && order != "big")
    refuse(where, cat("byteorder is \"", printable(order), "\", expected \"little\" or \"big\""));
  return order == "big";
}

}  // namespace

bool is_torch_archive(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  return text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06");
}

TorchContents read_torch_archive(std::span<const std::byte> file, std::string_view where, const OpenOptions& options) {
  const Archive archive(file, where, options);
  if (archive.find("constants.pkl") || archive.find("code/__torch__.py"))
    refuse(where, "a TorchScript archive: a program, not a file of tensors", Status::unsupported);
  const auto& object = archive.need("data.pkl");
  check_version(archive, where);
  TorchContents contents;
  contents.big_endian = reads_big_endian(archive, where);
  archive.text(object, limits::kPickleBytes);
  const auto stream = archive.data(object);
  contents.pickle = read_pickle(stream, cat(where, ": data.pkl"));
  if (contents.pickle.stream_bytes != stream.size())
    refuse(where, cat("data.pkl: ", stream.size() - contents.pickle.stream_bytes, " bytes after the pickle's end"));
  for (const auto& storage : contents.pickle.storages) {
    const auto& record = archive.need(cat("data/", storage.key));
    const auto bytes = storage.elements * static_cast<int64_t>(dtype_bytes(storage.dtype));
    if (record.size != bytes)
      refuse(where, cat(printable(record.name), ": ", record.size, " bytes, its storage of ", storage.elements, ' ',
                        dtype_name(storage.dtype), " takes ", bytes));
    if (options.checksums) archive.check_sum(record);
    contents.storages.push_back(archive.data(record).data());
  }
  return contents;
}

}  // namespace llava::core
