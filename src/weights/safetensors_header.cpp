// The header as a state machine over JSON events, and the checks of offsets against shapes and against each other.
#include "weights/safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "weights/strangers.hpp"

namespace llava::core {
namespace {

struct StoredType {
  std::string_view name;
  int64_t bits;
  std::optional<DType> dtype;  // none: known to the format, not computed with
};

constexpr StoredType kTypes[] = {
    {"F32", 32, DType::f32},
    {"F16", 16, DType::f16},
    {"BF16", 16, DType::bf16},
    {"F64", 64, DType::f64},
    {"I64", 64, DType::i64},
    {"I32", 32, DType::i32},
    {"I16", 16, DType::i16},
    {"I8", 8, DType::i8},
    {"U8", 8, DType::u8},
    {"BOOL", 8, DType::boolean},
    {"U16", 16, {}},
    {"U32", 32, {}},
    {"U64", 64, {}},
    {"C64", 64, {}},
    {"F4", 4, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F8_E4M3FNUZ", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},
};

const StoredType* type_named(std::string_view name) {
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return t.name == name; });
  return type == std::end(kTypes) ? nullptr : type;
}

[[noreturn]] void refuse(std::string message, Status status = Status::format) {
  throw Error(status, std::move(message));
}

std::string tensor_named(std::string_view name) { return cat("tensor \"", printable(name), "\""); }

struct Entry {
  TensorHeader header;
  const StoredType* type = nullptr;
  bool has_shape = false;
  int64_t offsets = -1;  // how many were read; -1: the field is absent
};

// events to entries; each method answers to what the place where the header stands allows
class HeaderEvents : public JsonEvents {
 public:
  void begin_object() override {
    if (place_ == Place::outside) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      place_ = name_ == "__metadata__" ? Place::metadata : Place::entry;
      if (place_ == Place::entry) entry_ = {};
    } else {
      unexpected("an object");
    }
  }

  void end_object() override {
    if (place_ == Place::entry) finish_entry();
    place_ = place_ == Place::top ? Place::outside : Place::top;
  }

  void begin_array() override {
    if (place_ == Place::entry && field_ == "shape") {
      place_ = Place::shape;
      entry_.has_shape = true;
    } else if (place_ == Place::entry && field_ == "data_offsets") {
      place_ = Place::offsets;
      entry_.offsets = 0;
    } else {
      unexpected("a list");
    }
  }

  void end_array() override {
    if (place_ == Place::offsets && entry_.offsets != 2)
      refuse(cat(tensor_named(name_), ": data_offsets has ", entry_.offsets, " numbers, expected 2"));
    place_ = Place::entry;
  }

  void key(std::string& name) override {
    if (place_ == Place::top) {
      begin_name(name);
    } else if (place_ == Place::metadata) {
      field_ = std::move(name);
    } else {
      begin_field(name);
    }
  }

  void value(Json&& scalar) override {
    if (place_ == Place::shape) return add_dimension(scalar);
    if (place_ == Place::offsets) return add_offset(scalar);
    if (place_ == Place::metadata) {
      if (!scalar.is_string())
        refuse(cat("__metadata__: ", printable(field_), " is ", json_found(scalar), ", expected a string"));
      result.metadata.emplace_back(field_, scalar.string());
    } else if (place_ == Place::entry && field_ == "dtype" && scalar.is_string()) {
      const auto& name = scalar.string();
      entry_.type = type_named(name);
      if (!entry_.type)
        refuse(cat(tensor_named(name_), ": dtype \"", printable(name), "\" is none of the format's types"));
    } else {
      unexpected(json_found(scalar));
    }
  }

  SafetensorsHeader result;
  std::vector<const StoredType*> types;  // beside result.tensors

 private:
  enum class Place : uint8_t { outside, top, metadata, entry, shape, offsets };

  [[noreturn]] void unexpected(const std::string& found) const {
    switch (place_) {
      case Place::outside:
        refuse(cat("the header is ", found, ", expected an object"));
      case Place::top:
        refuse(cat('"', printable(name_), "\" is ", found, ", expected an object"));
      case Place::metadata:
        refuse(cat("__metadata__: ", printable(field_), " is ", found, ", expected a string"));
      case Place::entry:
        refuse(cat(tensor_named(name_), ": ", field_, " is ", found, ", expected ",
                   field_ == "dtype" ? "a string" : "a list"));
      default:
        refuse(cat(tensor_named(name_), ": ", field_, " holds ", found, ", expected non-negative integers"));
    }
  }

  void begin_name(std::string& name) {
    name_ = std::move(name);
    if (name_ == "__metadata__") {
      if (seen_metadata_) refuse("__metadata__ stands twice");
      seen_metadata_ = true;
      return;
    }
    if (static_cast<int64_t>(name_.size()) > limits::kTensorNameBytes)
      refuse(cat(tensor_named(name_), ": a name of ", name_.size(), " bytes, at most ", limits::kTensorNameBytes),
             Status::limit);
    if (name_.empty()) refuse("a tensor without a name");
    if (name_.find('\0') != name_.npos) refuse(cat(tensor_named(name_), ": a NUL in the name"));
    if (static_cast<int64_t>(result.tensors.size()) >= limits::kTensors)
      refuse(cat("more than ", limits::kTensors, " tensors"), Status::limit);
  }

  void begin_field(std::string& name) {
    field_ = std::move(name);
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets")
      refuse(cat(tensor_named(name_), ": the field \"", printable(field_), "\" is not of the format"));
    if ((field_ == "dtype" && entry_.type) || (field_ == "shape" && entry_.has_shape) ||
        (field_ == "data_offsets" && entry_.offsets >= 0))
      refuse(cat(tensor_named(name_), ": ", field_, " stands twice"));
  }

  int64_t size_from(const Json& scalar) const {
    const bool fits = scalar.is_number_unsigned() &&
                      scalar.unsigned_integer() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (!fits) unexpected(json_found(scalar));
    return static_cast<int64_t>(scalar.unsigned_integer());
  }

  void add_dimension(const Json& scalar) {
    auto& shape = entry_.header.shape;
    shape.push_back(size_from(scalar));
    if (static_cast<int64_t>(shape.size()) > limits::kTensorRank)
      refuse(cat(tensor_named(name_), ": more than ", limits::kTensorRank, " dimensions"), Status::limit);
  }

  void add_offset(const Json& scalar) {
    if (entry_.offsets == 2) refuse(cat(tensor_named(name_), ": data_offsets has more than 2 numbers"));
    (entry_.offsets == 0 ? entry_.header.begin : entry_.header.end) = size_from(scalar);
    ++entry_.offsets;
  }

  void finish_entry() {
    const char* missing = !entry_.type         ? "dtype"
                          : !entry_.has_shape  ? "shape"
                          : entry_.offsets < 0 ? "data_offsets"
                                               : nullptr;
    if (missing) refuse(cat(tensor_named(name_), ": ", missing, " is missing"));
    entry_.header.name = name_;
    types.push_back(entry_.type);
    result.tensors.push_back(std::move(entry_.header));
  }

  Place place_ = Place::outside;
  bool seen_metadata_ = false;
  std::string name_, field_;
  Entry entry_;
};

// shape times bits against the offsets, in 64 bits that cannot wrap
void check_size(const TensorHeader& tensor, const StoredType& type, std::string_view where) {
  const auto place = cat(where, ": ", tensor_named(tensor.name), ": ");
  int64_t bits = type.bits;
  for (const auto dimension : tensor.shape)
    if (__builtin_mul_overflow(bits, dimension, &bits))
      refuse(cat(place, "shape ", shape_text(tensor.shape), " is too large for 64 bits"));
  if (bits % 8) refuse(cat(place, shape_text(tensor.shape), ' ', type.name, " is no whole number of bytes"));
  if (tensor.end < tensor.begin) refuse(cat(place, "ends at ", tensor.end, ", before it begins at ", tensor.begin));
  if (tensor.end - tensor.begin != bits / 8)
    refuse(cat(place, shape_text(tensor.shape), ' ', type.name, " takes ", bits / 8, " bytes, its offsets ",
               tensor.begin, "..", tensor.end, " hold ", tensor.end - tensor.begin));
}

void check_names(const std::vector<TensorHeader>& tensors, std::string_view where) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const auto& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end()) refuse(cat(where, ": ", tensor_named(*twin), " stands twice"));
}

// expects the tensors by offset
void check_layout(const std::vector<TensorHeader>& tensors, int64_t data_bytes, std::string_view where) {
  int64_t filled = 0;
  const TensorHeader* before = nullptr;
  for (const auto& tensor : tensors) {
    const auto previous = before ? cat(tensor_named(before->name), " ends at ") : std::string("the data begin at ");
    if (tensor.begin > filled)
      refuse(
          cat(where, ": ", tensor_named(tensor.name), " begins at ", tensor.begin, ", ", previous, filled, ": a hole"));
    if (tensor.begin < filled)
      refuse(cat(where, ": ", tensor_named(tensor.name), " begins at ", tensor.begin, ", ", previous, filled,
                 ": they overlap"));
    if (tensor.end > data_bytes)
      refuse(cat(where, ": ", tensor_named(tensor.name), " ends at ", tensor.end, ", the file holds ", data_bytes,
                 " bytes of data: it is cut short"));
    filled = tensor.end;
    before = &tensor;
  }
  if (filled != data_bytes) refuse(cat(where, ": ", data_bytes - filled, " bytes after the last tensor"));
}

// 8 + N, checked against limit and file
int64_t data_offset(std::span<const std::byte> file, int64_t file_bytes, std::string_view where) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (file_bytes < 8 || file.size() < 8)
    refuse(cat(where, ": ", file_bytes, " bytes, a safetensors file has at least 8"));
  const auto known = told_stranger(text);
  if (!known.empty()) refuse(cat(where, ": not a safetensors file: ", known));
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = (length << 8) | static_cast<uint64_t>(file[static_cast<size_t>(i)]);
  if (length > static_cast<uint64_t>(limits::kSafetensorsHeaderBytes))
    refuse(cat(where, ": a header of ", length, " bytes, at most ", limits::kSafetensorsHeaderBytes), Status::limit);
  if (static_cast<int64_t>(length) > file_bytes - 8 || length > file.size() - 8)
    refuse(cat(where, ": a header of ", length, " bytes in a file of ", file_bytes, ": it is cut short"));
  return static_cast<int64_t>(length) + 8;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> file, int64_t file_bytes,
                                           std::string_view where) {
  const auto offset = data_offset(file, file_bytes, where);
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, static_cast<size_t>(offset - 8));
  HeaderEvents events;
  scan_json(text, cat(where, ": header"), {limits::kSafetensorsHeaderBytes, limits::kJsonDepth}, events);
  auto header = std::move(events.result);
  header.data_offset = offset;
  for (size_t i = 0; i < header.tensors.size(); ++i) check_size(header.tensors[i], *events.types[i], where);
  check_names(header.tensors, where);
  for (size_t i = 0; i < header.tensors.size(); ++i) {
    const auto& type = *events.types[i];
    if (!type.dtype)
      refuse(
          cat(where, ": ", tensor_named(header.tensors[i].name), " is ", type.name, ", a type no model is computed in"),
          Status::unsupported);
    header.tensors[i].dtype = *type.dtype;
  }
  std::stable_sort(header.tensors.begin(), header.tensors.end(),
                   [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  check_layout(header.tensors, file_bytes - offset, where);
  return header;
}

SafetensorsHeader read_safetensors_header(const std::string& path) {
  const auto file = MappedFile::open(path);
  return parse_safetensors_header({file.data(), file.size()}, static_cast<int64_t>(file.size()), file.name());
}

const char* safetensors_dtype(DType type) {
  const auto* row = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return t.dtype == type; });
  return row == std::end(kTypes) ? "?" : row->name.data();
}

}  // namespace llava::core
