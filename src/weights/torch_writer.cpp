// The pickle of a dict, then the archive around it.
#include "weights/torch_writer.hpp"

#include <zlib.h>

#include <set>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "weights/safetensors.hpp"

namespace llava::core {
namespace {

constexpr const char* kFolder = "archive/";  // all entries lie in one; any name will do
constexpr uint64_t kMostBytes = UINT32_MAX;  // offsets and sizes of the plain form have 32 bits
constexpr size_t kMostTensors = 60'000;      // the number of entries has 16
constexpr size_t kAlignment = 64;            // of the data of an entry
constexpr uint16_t kPadding = 0x4246;        // "FB": the extra field that torch fills up with
constexpr uint16_t kUtf8Names = 1 << 11, kVersionNeeded = 20, kFirstDay = 0x21;  // 1 January 1980

const char* storage_name(DType type) {
  switch (type) {
    case DType::f32:
      return "FloatStorage";
    case DType::f16:
      return "HalfStorage";
    case DType::bf16:
      return "BFloat16Storage";
    case DType::f64:
      return "DoubleStorage";
    case DType::i64:
      return "LongStorage";
    case DType::i32:
      return "IntStorage";
    case DType::i16:
      return "ShortStorage";
    case DType::i8:
      return "CharStorage";
    case DType::u8:
      return "ByteStorage";
    case DType::boolean:
      return "BoolStorage";
  }
  throw Error(Status::internal, "a type without a storage");
}

void append_little(std::string& out, uint64_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(number >> (8 * i));
}

/// A pickle of protocol 2, opcode by opcode.
class PickleText {
 public:
  std::string text = std::string("\x80\x02", 2);

  void word(std::string_view value) {  // BINUNICODE
    text += 'X';
    append_little(text, value.size(), 4);
    text += value;
  }
  void number(int64_t value) {  // BININT, or LONG1 for what has more than 32 bits
    if (value <= INT32_MAX) {
      text += 'J';
      append_little(text, static_cast<uint64_t>(value), 4);
    } else {
      text += "\x8a\x08";
      append_little(text, static_cast<uint64_t>(value), 8);
    }
  }
  void global(std::string_view module, std::string_view name) {
    text.append("c").append(module).append("\n").append(name).append("\n");
  }
  void numbers(const std::vector<int64_t>& values) {  // a tuple
    text += '(';
    for (const auto value : values) number(value);
    text += 't';
  }
};

int64_t count_of(const TensorView& tensor) {
  int64_t count = 1;
  for (const auto dimension : tensor.shape) count *= dimension;
  return count;
}

std::vector<int64_t> strides_of(const std::vector<int64_t>& shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * std::max<int64_t>(1, shape[i]);
  return strides;
}

// name: torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())
void add_tensor(PickleText& pickle, const TensorView& tensor, size_t key) {
  pickle.word(tensor.name);
  pickle.global("torch._utils", "_rebuild_tensor_v2");
  pickle.text += "((";
  pickle.word("storage");
  pickle.global("torch", storage_name(tensor.dtype));
  pickle.word(std::to_string(key));
  pickle.word("cpu");
  pickle.number(count_of(tensor));
  pickle.text += "tQ";  // BINPERSID
  pickle.number(0);
  pickle.numbers(tensor.shape);
  pickle.numbers(strides_of(tensor.shape));
  pickle.text += '\x89';  // False
  pickle.global("collections", "OrderedDict");
  pickle.text += ")RtR";
}

void check(std::span<const TensorView> tensors) {
  std::set<std::string_view> names;
  uint64_t total = 0;
  for (const auto& tensor : tensors) {
    const auto refuse = [&](const std::string& what) {
      throw Error(Status::argument, cat("tensor \"", printable(tensor.name), "\": ", what));
    };
    if (tensor.name.empty() || !valid_utf8(tensor.name) ||
        static_cast<int64_t>(tensor.name.size()) > limits::kTensorNameBytes)
      refuse("the name cannot stand in a file of torch");
    if (!names.insert(tensor.name).second) refuse("stands twice");
    if (static_cast<uint64_t>(count_of(tensor)) * dtype_bytes(tensor.dtype) != tensor.size_bytes)
      refuse(cat("has ", tensor.size_bytes, " bytes, which are not those of ", shape_text(tensor.shape), ' ',
                 dtype_name(tensor.dtype)));
    total += tensor.size_bytes + 4096 + 2 * tensor.name.size();  // more than its headers and its part of the pickle
  }
  if (total > kMostBytes)
    throw Error(Status::limit, cat("tensors of ", total, " bytes, a file of torch is written up to ", kMostBytes,
                                   "; safetensors files hold more"));
}

/// Entries one after the other, then the directory.
class Archive {
 public:
  explicit Archive(const std::string& path) : file_(path) {}

  void add(const std::string& name, const void* data, size_t size) {
    const auto whole = kFolder + name;
    const auto sum = ::crc32_z(0, static_cast<const Bytef*>(data), size);
    const auto fields = fields_of(static_cast<uint32_t>(sum), size, whole.size());
    const size_t header = 30 + whole.size() + 4;  // and the head of the extra field
    const auto padding = (kAlignment - (at_ + header) % kAlignment) % kAlignment;
    std::string local = "PK\x03\x04" + fields;
    append_little(local, 4 + padding, 2);
    local += whole;
    append_little(local, kPadding, 2);
    append_little(local, padding, 2);
    local.append(padding, 'Z');
    directory_ += "PK\x01\x02";
    append_little(directory_, kVersionNeeded, 2);
    directory_ += fields;
    directory_.append(12, '\0');  // no extra field, no comment, first disk, no attributes
    append_little(directory_, at_, 4);
    directory_ += whole;
    write(local.data(), local.size());
    write(data, size);
    ++entries_;
  }

  void commit() {
    const auto begin = at_;
    write(directory_.data(), directory_.size());
    std::string end = "PK\x05\x06";
    append_little(end, 0, 4);
    append_little(end, entries_, 2);
    append_little(end, entries_, 2);
    append_little(end, directory_.size(), 4);
    append_little(end, begin, 4);
    append_little(end, 0, 2);
    write(end.data(), end.size());
    file_.commit();
  }

 private:
  // What local and central header share: from the version that is needed to the length of the name.
  static std::string fields_of(uint32_t sum, size_t size, size_t name) {
    std::string fields;
    append_little(fields, kVersionNeeded, 2);
    append_little(fields, kUtf8Names, 2);
    append_little(fields, 0, 2);  // stored
    append_little(fields, 0, 2);
    append_little(fields, kFirstDay, 2);
    append_little(fields, sum, 4);
    append_little(fields, size, 4);
    append_little(fields, size, 4);
    append_little(fields, name, 2);
    return fields;
  }
  void write(const void* data, size_t size) {
    file_.write(data, size);
    at_ += size;
  }

  AtomicFile file_;
  std::string directory_;
  size_t at_ = 0, entries_ = 0;
};

}  // namespace

void write_torch_file(const std::string& path, std::span<const TensorView> tensors) {
  check(tensors);
  if (tensors.size() > kMostTensors)
    throw Error(Status::limit, cat(path, ": ", tensors.size(), " tensors, at most ", kMostTensors));
  PickleText pickle;
  pickle.text += "}(";  // an empty dict, and its items
  for (size_t i = 0; i < tensors.size(); ++i) add_tensor(pickle, tensors[i], i);
  pickle.text += "u.";
  const std::string_view order = "little", version = "3\n";
  Archive archive(path);
  archive.add("data.pkl", pickle.text.data(), pickle.text.size());
  archive.add("byteorder", order.data(), order.size());
  for (size_t i = 0; i < tensors.size(); ++i)
    archive.add("data/" + std::to_string(i), tensors[i].data, tensors[i].size_bytes);
  archive.add("version", version.data(), version.size());
  archive.commit();
}

}  // namespace llava::core
