#include "checkpoint/new_projector.hpp"

#include <cmath>
#include <memory>

#include "base/error.hpp"
#include "base/rng.hpp"
#include "base/utf8.hpp"
#include "model/original_config.hpp"

namespace llava::core {
namespace {

TensorView uniform(const std::string& name, std::vector<int64_t> shape, double bound, Rng rng) {
  int64_t count = 1;
  for (const auto side : shape) count *= side;
  auto values = std::make_shared<std::vector<float>>();
  values->reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) values->push_back(static_cast<float>((2 * rng.next_uniform() - 1) * bound));
  TensorView view;
  view.name = name;
  view.shape = std::move(shape);
  view.data = reinterpret_cast<const std::byte*>(values->data());
  view.size_bytes = values->size() * sizeof(float);
  view.file = kNewProjectorFile;
  view.owner = std::move(values);
  return view;
}

}  // namespace

int64_t projector_layers(const std::string& type) {
  if (const auto layers = projector_layers_of(type)) return *layers;
  throw Error(Status::argument, cat("new_projector is \"", printable(type), "\", expected linear, or mlp1x_gelu to mlp",
                                    kMostProjectorLayers, "x_gelu"));
}

void make_projector(NamedTensors& tensors, const NewProjector& projector, int64_t feature_width, int64_t width) {
  const auto layers = projector_layers(projector.type);
  tensors.remove_prefix("projector.");
  for (int64_t i = 1; i <= layers; ++i) {
    const auto name = cat("projector.linear_", i);
    const auto inputs = i == 1 ? feature_width : width;
    const auto bound = 1 / std::sqrt(static_cast<double>(inputs));
    const auto stream = static_cast<uint64_t>(2 * i);
    tensors.add(name + ".weight", uniform(name + ".weight", {width, inputs}, bound, Rng(projector.seed, stream)));
    tensors.add(name + ".bias", uniform(name + ".bias", {width}, bound, Rng(projector.seed, stream + 1)));
  }
}

}  // namespace llava::core
