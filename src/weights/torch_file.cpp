// From the contents of a torch file to named views: which dict, which entries, which bytes.
#include "weights/torch_file.hpp"

#include <algorithm>
#include <new>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "weights/strangers.hpp"
#include "weights/strided.hpp"
#include "weights/torch_contents.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kUsualKeys[] = {"state_dict", "model", "module"};
constexpr std::align_val_t kAlignment{64};

[[noreturn]] void refuse(std::string_view where, const std::string& what, Status status = Status::format) {
  throw Error(status, cat(where, ": ", what));
}

// memory of our own for what cannot be a view, within the bound
class Copies {
 public:
  Copies(size_t file_bytes, std::string_view where)
      : left_(static_cast<int64_t>(file_bytes) + limits::kExpandedBytes), where_(where) {}

  std::shared_ptr<std::byte> make(int64_t bytes, const std::string& what) {
    if (bytes > left_)
      refuse(where_,
             cat(what, " takes ", bytes, " bytes of memory, and ", left_, " are left of the file's size and ",
                 limits::kExpandedBytes),
             Status::limit);
    left_ -= bytes;
    return {static_cast<std::byte*>(::operator new(static_cast<size_t>(std::max<int64_t>(bytes, 1)), kAlignment)),
            [](std::byte* data) { ::operator delete(data, kAlignment); }};
  }

 private:
  int64_t left_;
  std::string_view where_;
};

struct StorageBytes {
  const std::byte* data = nullptr;
  std::shared_ptr<const void> owner;
};

// the storages as they are, or turned to this machine's order of bytes
std::vector<StorageBytes> native_storages(const TorchContents& contents, const std::shared_ptr<const void>& owner,
                                          Copies& copies, const Cancel& cancel) {
  std::vector<StorageBytes> result;
  for (size_t i = 0; i < contents.storages.size(); ++i) {
    const auto& storage = contents.pickle.storages[i];
    const auto item = dtype_bytes(storage.dtype);
    if (!contents.big_endian || item == 1) {
      result.push_back({contents.storages[i], owner});
      continue;
    }
    cancel.poll("load");
    const auto bytes = storage.elements * static_cast<int64_t>(item);
    const auto memory = copies.make(bytes, cat("the big-endian storage \"", printable(storage.key), "\""));
    std::copy_n(contents.storages[i], bytes, memory.get());
    swap_bytes(memory.get(), static_cast<size_t>(bytes), item);
    result.push_back({memory.get(), memory});
  }
  return result;
}

bool has_tensors(const Pickle& pickle, const PickleValue& value) {
  if (value.kind != PickleKind::dict) return false;
  const auto items = pickle.items(value);
  for (size_t i = 1; i < items.size(); i += 2)
    if (items[i].kind == PickleKind::tensor) return true;
  return false;
}

const PickleValue* find_text(const Pickle& pickle, std::span<const PickleValue> items, std::string_view key) {
  for (size_t i = 0; i + 1 < items.size(); i += 2)
    if (items[i].kind == PickleKind::text && pickle.text(items[i]) == key) return &items[i + 1];
  return nullptr;
}

// the first entries, for a message: "epoch is an integer, net is a dict"
std::string some_entries(const Pickle& pickle, std::span<const PickleValue> items) {
  constexpr size_t kShown = 4;
  std::string list;
  for (size_t i = 0; i < std::min(items.size(), 2 * kShown); i += 2)
    list += cat(i ? ", " : "",
                items[i].kind == PickleKind::text ? printable(pickle.text(items[i])) : pickle_kind_name(items[i].kind),
                " is ", pickle_kind_name(items[i + 1].kind));
  return list + (items.size() > 2 * kShown ? ", …" : "");
}

// key, value, key, value … of the dict that holds the tensors
std::span<const PickleValue> state_dict(const Pickle& pickle, std::string_view where) {
  if (pickle.root.kind != PickleKind::dict)
    refuse(where, cat("holds ", pickle_kind_name(pickle.root.kind), ", expected a dict of tensors"));
  if (has_tensors(pickle, pickle.root)) return pickle.items(pickle.root);
  for (const auto key : kUsualKeys) {
    const auto* value = find_text(pickle, pickle.items(pickle.root), key);
    if (!value || !has_tensors(pickle, *value)) continue;
    log_info(cat(where, ": the tensors are taken from its entry \"", key, "\", the other entries are left out"));
    return pickle.items(*value);
  }
  const auto found = some_entries(pickle, pickle.items(pickle.root));
  if (found.empty()) refuse(where, "its dict is empty");
  refuse(where, cat("its dict holds no tensor (", found, "), and state_dict, model and module in it none either"));
}

std::string name_of(const Pickle& pickle, const PickleValue& key, std::string_view where) {
  if (key.kind != PickleKind::text)
    refuse(where, cat("a tensor's name is ", pickle_kind_name(key.kind), ", expected a text"));
  const auto name = pickle.text(key);
  const auto shown = cat("tensor \"", printable(name), "\"");
  if (name.empty()) refuse(where, "a tensor without a name");
  if (static_cast<int64_t>(name.size()) > limits::kTensorNameBytes)
    refuse(where, cat(shown, ": a name of ", name.size(), " bytes, at most ", limits::kTensorNameBytes), Status::limit);
  if (name.find('\0') != name.npos) refuse(where, cat(shown, ": a NUL in the name"));
  if (!valid_utf8(name)) refuse(where, cat(shown, ": the name is not UTF-8"));
  return std::string(name);
}

// bytes of all elements; those of an expanded tensor may wrap
int64_t bytes_of(const PickledTensor& tensor, DType dtype, const std::string& what, std::string_view where) {
  int64_t bytes = static_cast<int64_t>(dtype_bytes(dtype));
  bool empty = false, wraps = false;
  for (const auto side : tensor.shape) empty = empty || side == 0;
  for (const auto side : tensor.shape) wraps = wraps || __builtin_mul_overflow(bytes, side, &bytes);
  if (empty) return 0;
  if (wraps) refuse(where, cat(what, " is too large for 64 bits"), Status::limit);
  return bytes;
}

TensorView view_of(const Pickle& pickle, const PickledTensor& tensor, const StorageBytes& storage, std::string name,
                   Copies& copies, const std::string& where) {
  TensorView view;
  view.name = std::move(name);
  view.dtype = pickle.storages[tensor.storage].dtype;
  view.shape = tensor.shape;
  view.file = where;
  const auto item = dtype_bytes(view.dtype);
  const auto what = cat("tensor \"", printable(view.name), "\", ", shape_text(tensor.shape), " with strides ",
                        shape_text(tensor.strides), " over ", pickle.storages[tensor.storage].elements, ' ',
                        dtype_name(view.dtype), ',');
  const auto bytes = bytes_of(tensor, view.dtype, what, where);
  view.size_bytes = static_cast<size_t>(bytes);
  view.data = storage.data + static_cast<size_t>(tensor.offset) * item;
  view.owner = storage.owner;
  if (bytes == 0 || is_contiguous(tensor.shape, tensor.strides)) return view;
  const auto memory = copies.make(bytes, what);
  copy_strided(view.data, tensor.shape, tensor.strides, item, memory.get());
  view.data = memory.get();
  view.owner = memory;
  return view;
}

TorchContents read_contents(std::span<const std::byte> file, const std::string& name, const OpenOptions& options) {
  if (!options.allow_pickle)
    refuse(name, "a torch file, and those are switched off (allow_pickle is 0); safetensors are read",
           Status::unsupported);
  if (is_torch_archive(file)) return read_torch_archive(file, name, options);
  if (is_torch_legacy(file)) return read_torch_legacy(file, name);
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with('\x80')) refuse(name, "a pickle, but not one of torch.save", Status::unsupported);
  if (text.substr(0, 262).ends_with("ustar"))
    refuse(name, "a tar file, as torch before 0.2 wrote it; load and save it with a newer torch", Status::unsupported);
  const auto known = told_stranger(text);
  if (!known.empty()) refuse(name, cat("not a torch file: ", known));
  if (text.size() > 8 && text[8] == '{') refuse(name, "not a torch file: it looks like safetensors");
  refuse(name, cat("not a torch file: its ", text.size(), " bytes begin neither as zip archive nor as torch pickle"));
}

void log_left_out(const std::vector<std::string>& names, const std::string& where) {
  if (names.empty()) return;
  constexpr size_t kShown = 10;
  std::string list;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) list += cat(i ? ", " : "", names[i]);
  log_warning(cat(where, ": ", names.size(), " entries are no tensors and left out: ", list,
                  names.size() > kShown ? ", …" : ""));
}

}  // namespace

TensorMap torch_tensors(std::span<const std::byte> file, const std::shared_ptr<const void>& owner,
                        const std::string& name, const OpenOptions& options) {
  const auto contents = read_contents(file, name, options);
  const auto& pickle = contents.pickle;
  const auto items = state_dict(pickle, name);
  Copies copies(file.size(), name);
  const auto storages = native_storages(contents, owner, copies, options.cancel);
  std::vector<std::pair<const std::byte*, TensorView>> views;  // with the place in the file
  std::vector<std::string> left_out;
  for (size_t i = 0; i < items.size(); i += 2) {
    if (items[i + 1].kind != PickleKind::tensor) {
      left_out.push_back(items[i].kind == PickleKind::text ? printable(pickle.text(items[i]))
                                                           : std::string(pickle_kind_name(items[i].kind)));
      continue;
    }
    options.cancel.poll("load");
    const auto& tensor = pickle.tensors[static_cast<size_t>(items[i + 1].number)];
    const auto offset = static_cast<size_t>(tensor.offset) * dtype_bytes(pickle.storages[tensor.storage].dtype);
    views.emplace_back(
        contents.storages[tensor.storage] + offset,
        view_of(pickle, tensor, storages[tensor.storage], name_of(pickle, items[i], name), copies, name));
  }
  log_left_out(left_out, name);
  std::stable_sort(views.begin(), views.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  TensorMap map;
  for (auto& [place, view] : views) map.add(std::move(view));
  return map;
}

TensorMap open_torch_file(const std::string& path, const OpenOptions& options) {
  FileReading how;
  how.map = options.map;
  how.cancel = options.cancel;
  const auto name = path.substr(path.find_last_of('/') + 1);
  if (options.progress) how.progress = [&](int64_t done, int64_t total) { options.progress(done, total, name); };
  const auto file = MappedFile::open(path, how);
  auto map = torch_tensors({file.data(), file.size()}, file.owner(), name, options);
  if (options.map) map.add_file(mapped_source(file));
  return map;
}

}  // namespace llava::core
