// What the names in a torch pickle stand for. The list is closed: nothing is imported, nothing is called; a "call"
// below is a few checks and a new row in a table.
#include <algorithm>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "weights/pickle_machine.hpp"

namespace llava::core {
namespace {

constexpr const char* kAllowed =
    "collections.OrderedDict, torch._utils._rebuild_tensor_v2, torch._utils._rebuild_parameter, torch.Size, "
    "torch.device and torch.*Storage";

struct StorageType {
  std::string_view name;
  DType dtype;
};

constexpr StorageType kStorages[] = {{"FloatStorage", DType::f32},     {"HalfStorage", DType::f16},
                                     {"BFloat16Storage", DType::bf16}, {"DoubleStorage", DType::f64},
                                     {"LongStorage", DType::i64},      {"IntStorage", DType::i32},
                                     {"ShortStorage", DType::i16},     {"CharStorage", DType::i8},
                                     {"ByteStorage", DType::u8},       {"BoolStorage", DType::boolean}};

// of the same family, of types the library does not compute in
constexpr std::string_view kOtherStorages[] = {"ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage",
                                               "QUInt8Storage",       "QInt32Storage",        "QUInt4x2Storage",
                                               "QUInt2x4Storage",     "UntypedStorage"};

}  // namespace

PickleValue PickleMachine::find_global(std::string_view module, std::string_view name) const {
  const auto global = [](Global which, DType dtype = DType::f32) {
    return PickleValue{PickleKind::global, static_cast<uint32_t>(which), static_cast<int64_t>(dtype)};
  };
  if (module == "collections" && name == "OrderedDict") return global(Global::ordered_dict);
  if (module == "torch._utils" && name == "_rebuild_tensor_v2") return global(Global::rebuild_tensor);
  if (module == "torch._utils" && name == "_rebuild_parameter") return global(Global::rebuild_parameter);
  if (module == "torch" && name == "Size") return global(Global::size);
  if (module == "torch" && name == "device") return global(Global::device);
  if (module == "torch" || module == "torch.storage") {
    for (const auto& type : kStorages)
      if (module == "torch" && name == type.name) return global(Global::storage, type.dtype);
    if (std::find(std::begin(kOtherStorages), std::end(kOtherStorages), name) != std::end(kOtherStorages))
      refuse(cat(module, '.', name, " is a type no model is computed in"), Status::unsupported);
  }
  if (module == "torch._utils" && name == "_rebuild_tensor_v3")
    refuse("torch._utils._rebuild_tensor_v3 makes tensors of types no model is computed in", Status::unsupported);
  refuse(cat("names ", printable(module), '.', printable(name), "; allowed are ", kAllowed, ". Nothing was run"),
         Status::unsupported);
}

PickleValue PickleMachine::global_from_stack() {
  const auto name = expect(pop(), PickleKind::text, "the name"), module = expect(pop(), PickleKind::text, "the module");
  return find_global(pickle_.text(module), pickle_.text(name));
}

PickleValue PickleMachine::call(const PickleValue& callable, const PickleValue& arguments) {
  expect(callable, PickleKind::global, "what is called");
  const auto values = pickle_.items(expect(arguments, PickleKind::tuple, "the list of arguments"));
  switch (static_cast<Global>(callable.size)) {
    case Global::ordered_dict: {
      if (!values.empty()) refuse(cat("OrderedDict with ", values.size(), " arguments, torch writes it with none"));
      auto dict = container(PickleKind::dict, stack_.size());
      dict.size = 1;
      return dict;
    }
    case Global::rebuild_tensor:
      return rebuild_tensor(values);
    case Global::rebuild_parameter:
      return rebuild_parameter(values);
    case Global::size:
      if (values.size() != 1) refuse(cat("torch.Size of ", values.size(), " arguments, expected 1"));
      return expect(values[0], PickleKind::tuple, "the argument of torch.Size");
    case Global::device:
      if (values.empty() || values.size() > 2) refuse(cat("torch.device of ", values.size(), " arguments"));
      expect(values[0], PickleKind::text, "the argument of torch.device");
      return {PickleKind::device, 0, 0};
    case Global::storage:
      break;
  }
  refuse("calls a storage type, which torch never does");
}

// ("storage", type, key, device, elements[, None])
PickleValue PickleMachine::storage_from(const PickleValue& id) {
  const auto fields = pickle_.items(expect(id, PickleKind::tuple, "a persistent id"));
  if (fields.size() != 5 && fields.size() != 6)
    refuse(cat("a persistent id of ", fields.size(), " fields, torch writes 5 or 6"));
  if (pickle_.text(expect(fields[0], PickleKind::text, "the kind of a persistent id")) != "storage")
    refuse(cat("a persistent id of the kind \"", printable(pickle_.text(fields[0])), "\", expected \"storage\""));
  if (expect(fields[1], PickleKind::global, "the type of a storage").size != static_cast<uint32_t>(Global::storage))
    refuse("the type of a storage is the name of something else");
  PickledStorage storage;
  storage.dtype = static_cast<DType>(fields[1].number);
  storage.key = pickle_.text(expect(fields[2], PickleKind::text, "the key of a storage"));
  if (storage.key.empty() || static_cast<int64_t>(storage.key.size()) > limits::kPickleNameBytes)
    refuse(cat("a storage key of ", storage.key.size(), " bytes, expected 1 … ", limits::kPickleNameBytes));
  if (pickle_.text(expect(fields[3], PickleKind::text, "the device of a storage")) == "meta")
    refuse(cat("the storage \"", printable(storage.key), "\" is on the meta device: it has no data"));
  storage.elements = expect_count(fields[4], "the size of a storage");
  int64_t bytes;
  if (__builtin_mul_overflow(storage.elements, static_cast<int64_t>(dtype_bytes(storage.dtype)), &bytes))
    refuse(cat("a storage of ", storage.elements, ' ', dtype_name(storage.dtype), " is too large for 64 bits"));
  if (fields.size() == 6 && fields[5].kind != PickleKind::none)
    refuse("a storage that is a view of another, as torch before 0.4 wrote it", Status::unsupported);
  const auto [entry, fresh] = storage_by_key_.emplace(storage.key, pickle_.storages.size());
  if (fresh) {
    pickle_.storages.push_back(storage);
  } else if (const auto& first = pickle_.storages[entry->second];
             first.dtype != storage.dtype || first.elements != storage.elements) {
    refuse(cat("the storage \"", printable(storage.key), "\" is ", first.elements, ' ', dtype_name(first.dtype),
               " at first and ", storage.elements, ' ', dtype_name(storage.dtype), " here"));
  }
  return {PickleKind::storage, 0, static_cast<int64_t>(entry->second)};
}

// (storage, offset, size, stride, requires_grad, hooks[, metadata])
PickleValue PickleMachine::rebuild_tensor(std::span<const PickleValue> arguments) {
  if (arguments.size() != 6 && arguments.size() != 7)
    refuse(cat("_rebuild_tensor_v2 of ", arguments.size(), " arguments, expected 6 or 7"));
  PickledTensor tensor;
  tensor.storage = static_cast<size_t>(expect(arguments[0], PickleKind::storage, "the storage of a tensor").number);
  tensor.offset = expect_count(arguments[1], "the offset of a tensor");
  tensor.shape = expect_counts(arguments[2], "the size of a tensor");
  tensor.strides = expect_counts(arguments[3], "the strides of a tensor");
  if (tensor.shape.size() != tensor.strides.size())
    refuse(cat("a tensor of ", tensor.shape.size(), " sizes and ", tensor.strides.size(), " strides"));
  if (arguments.size() == 7 && arguments[6].kind != PickleKind::none &&
      !pickle_.items(expect(arguments[6], PickleKind::dict, "the metadata of a tensor")).empty())
    refuse("a tensor whose metadata say that it is conjugated or negated", Status::unsupported);
  check_inside(tensor);
  if (static_cast<int64_t>(pickle_.tensors.size()) >= limits::kTensors)
    refuse(cat("more than ", limits::kTensors, " tensors"), Status::limit);
  pickle_.tensors.push_back(std::move(tensor));
  return {PickleKind::tensor, 0, static_cast<int64_t>(pickle_.tensors.size() - 1)};
}

// (tensor, requires_grad, hooks)
PickleValue PickleMachine::rebuild_parameter(std::span<const PickleValue> arguments) {
  if (arguments.size() != 3) refuse(cat("_rebuild_parameter of ", arguments.size(), " arguments, expected 3"));
  return expect(arguments[0], PickleKind::tensor, "the data of a parameter");
}

const PickleValue& PickleMachine::expect(const PickleValue& value, PickleKind kind, const char* what) const {
  if (value.kind != kind)
    refuse(cat(what, " is ", pickle_kind_name(value.kind), ", expected ", pickle_kind_name(kind)));
  return value;
}

int64_t PickleMachine::expect_count(const PickleValue& value, const char* what) const {
  const auto count = expect(value, PickleKind::integer, what).number;
  if (count < 0) refuse(cat(what, " is ", count, ", expected no negative number"));
  return count;
}

std::vector<int64_t> PickleMachine::expect_counts(const PickleValue& value, const char* what) const {
  const auto items = pickle_.items(expect(value, PickleKind::tuple, what));
  if (static_cast<int64_t>(items.size()) > limits::kTensorRank)
    refuse(cat("a tensor of ", items.size(), " dimensions, at most ", limits::kTensorRank), Status::limit);
  std::vector<int64_t> counts;
  for (const auto& item : items) counts.push_back(expect_count(item, what));
  return counts;
}

// offset + sum of (size - 1) * stride is the last element
void PickleMachine::check_inside(const PickledTensor& tensor) const {
  const auto& storage = pickle_.storages[tensor.storage];
  int64_t end = tensor.offset;
  bool empty = false, wraps = false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    int64_t span;
    empty = empty || tensor.shape[i] == 0;
    wraps = wraps || __builtin_mul_overflow(std::max<int64_t>(tensor.shape[i] - 1, 0), tensor.strides[i], &span) ||
            __builtin_add_overflow(end, span, &end);
  }
  if (empty) end = tensor.offset;
  if ((wraps && !empty) || end > storage.elements - (empty ? 0 : 1))
    refuse(cat("a tensor of ", shape_text(tensor.shape), " with strides ", shape_text(tensor.strides), " at ",
               tensor.offset, " reaches outside its storage of ", storage.elements, " elements"));
}

void PickleMachine::drop_state() {
  pop();  // of a state dict: its _metadata
  if (top().kind != PickleKind::dict || top().size == 0)
    refuse(
        cat("sets the state of ", pickle_kind_name(top().kind), "; only that of an OrderedDict is taken, and dropped"),
        Status::unsupported);
}

}  // namespace llava::core
