// The pickle machine on bare streams: every place a value points to exists, every tensor lies inside its storage.
#include <algorithm>

#include "fuzz.hpp"
#include "weights/pickle.hpp"

using namespace llava;
using core::PickleKind;

namespace {

void check_value(const core::Pickle& pickle, const core::PickleValue& value) {
  const auto below = [&](size_t count) { return value.number >= 0 && static_cast<size_t>(value.number) < count; };
  switch (value.kind) {
    case PickleKind::text:
    case PickleKind::bytes:
    case PickleKind::wide_integer:
      return fuzz::require(pickle.text(value).size() == value.size, "a text that reaches past the stream");
    case PickleKind::tuple:
    case PickleKind::list:
    case PickleKind::dict:
      return fuzz::require(below(pickle.containers.size()), "a container that is not there");
    case PickleKind::storage:
      return fuzz::require(below(pickle.storages.size()), "a storage that is not there");
    case PickleKind::tensor:
      return fuzz::require(below(pickle.tensors.size()), "a tensor that is not there");
    default:
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto pickle = core::read_pickle(fuzz::bytes_of(data, size), "stream");
    fuzz::require(pickle.stream_bytes <= size, "read past the stream");
    check_value(pickle, pickle.root);
    for (const auto& container : pickle.containers)
      for (const auto& value : container) check_value(pickle, value);
    for (const auto& tensor : pickle.tensors) {
      const auto elements = pickle.storages.at(tensor.storage).elements;
      const bool empty = std::find(tensor.shape.begin(), tensor.shape.end(), 0) != tensor.shape.end();
      __int128 last = tensor.offset;
      for (size_t i = 0; i < tensor.shape.size() && !empty; ++i)
        last += static_cast<__int128>(tensor.shape[i] - 1) * tensor.strides[i];
      fuzz::require(empty ? last <= elements : last < elements, "a tensor outside its storage");
    }
  });
  return 0;
}
