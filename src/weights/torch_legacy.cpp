// Files of torch.save before 1.6. Source: PyTorch, torch/serialization.py (_legacy_save) and
// torch/csrc/serialization.cpp (THPStorage_writeFileRaw).
#include <algorithm>
#include <map>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "weights/torch_contents.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c
constexpr int64_t kProtocol = 1001;

[[noreturn]] void refuse(std::string_view where, const std::string& what) {
  throw Error(Status::format, cat(where, ": ", what));
}

// the parts one after the other
class Parts {
 public:
  Parts(std::span<const std::byte> file, std::string_view where) : file_(file), where_(where) {}

  Pickle pickle(const char* what) {
    const auto rest = file_.subspan(at_);
    const auto bytes = std::min(rest.size(), static_cast<size_t>(limits::kPickleBytes));
    auto result = read_pickle(rest.first(bytes), cat(where_, ": ", what, " (at byte ", at_, ")"));
    at_ += result.stream_bytes;
    return result;
  }
  int64_t number(std::string_view key) {
    if (left() < 8) refuse(where_, cat("ends before the storage \"", printable(key), "\": the file is cut short"));
    uint64_t value = 0;
    for (size_t i = 8; i-- > 0;) value = value << 8 | static_cast<uint64_t>(file_[at_ + i]);
    at_ += 8;
    return static_cast<int64_t>(value);
  }
  const std::byte* take(int64_t bytes, std::string_view key) {
    if (static_cast<uint64_t>(bytes) > left())
      refuse(where_, cat("the storage \"", printable(key), "\" takes ", bytes, " bytes, ", left(),
                         " are left: the file is cut short"));
    const auto* data = file_.data() + at_;
    at_ += static_cast<size_t>(bytes);
    return data;
  }
  size_t left() const { return file_.size() - at_; }

 private:
  std::span<const std::byte> file_;
  std::string_view where_;
  size_t at_ = 0;
};

std::map<std::string_view, size_t> numbers_by_key(const Pickle& pickle) {
  std::map<std::string_view, size_t> numbers;
  for (size_t i = 0; i < pickle.storages.size(); ++i) numbers.emplace(pickle.storages[i].key, i);
  return numbers;
}

void read_storage(Parts& parts, std::string_view key, const PickledStorage& storage, const std::byte*& data,
                  std::string_view where) {
  if (data) refuse(where, cat("the storage \"", printable(key), "\" is listed twice"));
  const auto elements = parts.number(key);
  if (elements != storage.elements)
    refuse(where,
           cat("the storage \"", printable(key), "\" has ", elements, " elements, its tensors say ", storage.elements));
  data = parts.take(elements * static_cast<int64_t>(dtype_bytes(storage.dtype)), key);
}

}  // namespace

bool is_torch_legacy(std::span<const std::byte> file) {
  const std::string_view begin(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 32));
  return begin.starts_with('\x80') && begin.find(kMagic) != begin.npos;
}

TorchContents read_torch_legacy(std::span<const std::byte> file, std::string_view where) {
  Parts parts(file, where);
  const auto magic = parts.pickle("magic number");
  if (magic.root.kind != PickleKind::wide_integer || magic.text(magic.root) != kMagic)
    refuse(where, "does not begin with the magic number of torch.save");
  const auto protocol = parts.pickle("protocol");
  if (protocol.root.kind != PickleKind::integer || protocol.root.number != kProtocol)
    refuse(where, cat("the protocol is ",
                      protocol.root.kind == PickleKind::integer ? std::to_string(protocol.root.number)
                                                                : std::string(pickle_kind_name(protocol.root.kind)),
                      ", expected ", kProtocol));
  parts.pickle("note on the machine");
  TorchContents contents;
  contents.pickle = parts.pickle("object");
  const auto keys = parts.pickle("storage keys");
  if (keys.root.kind != PickleKind::list)
    refuse(where, cat("the storage keys are ", pickle_kind_name(keys.root.kind), ", expected a list"));
  const auto numbers = numbers_by_key(contents.pickle);
  contents.storages.resize(contents.pickle.storages.size());
  for (const auto& item : keys.items(keys.root)) {
    if (item.kind != PickleKind::text) refuse(where, cat("a storage key is ", pickle_kind_name(item.kind)));
    const auto key = keys.text(item);
    const auto number = numbers.find(key);
    if (number == numbers.end()) refuse(where, cat("the storage \"", printable(key), "\" belongs to no tensor"));
    read_storage(parts, key, contents.pickle.storages[number->second], contents.storages[number->second], where);
  }
  for (size_t i = 0; i < contents.storages.size(); ++i)
    if (!contents.storages[i])
      refuse(where, cat("the storage \"", printable(contents.pickle.storages[i].key), "\" is not in the list of keys"));
  if (parts.left() > 0) refuse(where, cat(parts.left(), " bytes after the last storage"));
  return contents;
}

}  // namespace llava::core
