// What a torch pickle says, without running any of it: a stack machine over the opcodes that files of tensors need,
// and the handful of names they may mention. A name outside the list is refused, never looked up.
//
// Values are small and flat: texts point into the stream, containers are numbers into one table. So cycles are harmless
// and nothing recurses, however deep a file nests. Opcodes: CPython, Lib/pickletools.py; the objects: PyTorch,
// torch/serialization.py and torch/_utils.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/dtype.hpp"

namespace llava::core {

enum class PickleKind : uint8_t {
  none,
  boolean,
  integer,
  wide_integer,  // more than 64 bits, kept as its bytes
  real,          // that it is one; the value is not kept
  text,
  bytes,
  tuple,
  list,
  dict,
  global,  // one of the names of the list
  storage,
  tensor,
  device
};

/// "a list", for messages.
const char* pickle_kind_name(PickleKind kind) noexcept;

struct PickleValue {
  PickleKind kind = PickleKind::none;
  uint32_t size = 0;   // text, bytes, wide_integer: how many bytes; dict: 1 = an OrderedDict; global: which
  int64_t number = 0;  // the value; or a place: in the stream, among containers, storages or tensors
};

struct PickledStorage {
  DType dtype = DType::f32;
  std::string_view key;  // names the bytes in the file
  int64_t elements = 0;
};

struct PickledTensor {
  size_t storage = 0;
  int64_t offset = 0;  // elements into the storage; with shape and strides it stays inside, that is checked
  std::vector<int64_t> shape, strides;
};

/// Valid as long as the stream is.
struct Pickle {
  PickleValue root;
  std::vector<PickledStorage> storages;  // in the order of their first mention
  std::vector<PickledTensor> tensors;
  size_t stream_bytes = 0;  // of the stream that belong to this pickle

  std::string_view stream;
  std::vector<std::vector<PickleValue>> containers;

  /// Of a text, bytes or a wide integer.
  std::string_view text(const PickleValue& value) const {
    return stream.substr(static_cast<size_t>(value.number), value.size);
  }
  /// Of a tuple or a list; of a dict: key, value, key, value …
  std::span<const PickleValue> items(const PickleValue& value) const {
    return containers[static_cast<size_t>(value.number)];
  }
};

/// Reads the pickle at the beginning of `stream`, protocols 2 to 5.
///
///   stream   may go on after the pickle's STOP
///   where    names the stream in messages: "model.bin: data.pkl"
///
/// Throws Error(unsupported) for a name that is not in the list, with the name, its offset and the list, and for an
/// opcode that builds other objects; for a storage of a type no model is computed in, conjugated tensors, views of
/// storages as torch < 0.4 wrote them. Error(format) for anything that is no sound pickle or no sound tensor: sizes and
/// strides that reach outside their storage, an operand that is missing, more than one value at the end. Error(limit)
/// above limits::kPickle….
Pickle read_pickle(std::span<const std::byte> stream, std::string_view where);

}  // namespace llava::core
