// Text rows from the table, image rows from the projector, in reading order.
#include "model/splice.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include "base/error.hpp"
#include "ops/ops.hpp"

namespace llava::core {
namespace {

void check_features(const std::vector<at::Tensor>& features, int64_t width) {
  for (size_t i = 0; i < features.size(); ++i)
    if (features[i].dim() != 2 || features[i].size(1) != width)
      throw Error(Status::argument, cat("features of image ", i, " are ", shape_text(features[i].sizes().vec()),
                                        ", expected [tokens, ", width, ']'));
}

}  // namespace

// On a GPU an index outside the table would poison the context, so ids are looked at here, on the host.
void check_places(std::span<const int64_t> ids_L, int64_t vocabulary, size_t pictures, const char* what) {
  size_t places = 0;
  for (size_t i = 0; i < ids_L.size(); ++i) {
    if (ids_L[i] == kImagePlace) {
      ++places;
    } else if (ids_L[i] < 0 || ids_L[i] >= vocabulary) {
      throw Error(Status::argument,
                  cat("token id ", ids_L[i], " at position ", i, " is outside the vocabulary of ", vocabulary));
    }
  }
  if (places != pictures)
    throw Error(Status::argument, cat(what, " has ", places, " image places, ", pictures, " images were given"));
}

at::Tensor splice(std::span<const int64_t> ids_L, const std::vector<at::Tensor>& features, const Weight& table_VD,
                  at::ScalarType dtype) {
  const auto device = table_VD.stored().device();
  check_features(features, table_VD.columns());
  check_places(ids_L, table_VD.rows(), features.size(), "the prompt");
  std::vector<at::Tensor> pieces;
  size_t image = 0;
  for (size_t begin = 0; begin < ids_L.size();) {
    if (ids_L[begin] == kImagePlace) {
      pieces.push_back(features[image++].to(device, dtype));
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < ids_L.size() && ids_L[end] != kImagePlace) ++end;
    const auto run = at::empty({static_cast<int64_t>(end - begin)}, at::kLong);
    std::copy(ids_L.begin() + static_cast<ptrdiff_t>(begin), ids_L.begin() + static_cast<ptrdiff_t>(end),
              run.mutable_data_ptr<int64_t>());
    pieces.push_back(embedding(run.to(device), table_VD).to(dtype));
    begin = end;
  }
  if (pieces.empty()) return at::empty({0, table_VD.columns()}, at::TensorOptions().dtype(dtype).device(device));
  return pieces.size() == 1 ? pieces.front() : at::cat(pieces, 0);
}

}  // namespace llava::core
