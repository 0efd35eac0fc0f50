#include "train/current_model.hpp"

#include "base/error.hpp"
#include "base/hash.hpp"
#include "checkpoint/adapter.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kDown = ".lora_A.weight", kUp = ".lora_B.weight";

std::string layer_of(const std::string& name, std::string_view end) { return name.substr(0, name.size() - end.size()); }

// What a pass computes with; made anew where values lie in shards.
at::Tensor used(const Network& network, const Learner& learner) {
  if (learner.used.defined()) return learner.used;
  const auto stored = network.stored(learner);
  return learner.matrix ? stored : stored.to(network.options().place.activations);
}

Adaptation learnt(const Network& network) {
  Adaptation adaptation;
  std::map<std::string, LowRank> products;
  for (const auto& learner : network.learners().all()) {
    if (!learner.learns()) continue;
    if (learner.name.ends_with(kDown))
      products[layer_of(learner.name, kDown)].down_RI = Weight(used(network, learner));
    else if (learner.name.ends_with(kUp))
      products[layer_of(learner.name, kUp)].up_OR = Weight(used(network, learner));
    else
      adaptation.replaced.emplace(learner.name, used(network, learner));
  }
  for (auto& [layer, product] : products) {
    product.strength = network.options().lora.strength();
    adaptation.added.emplace(layer, std::make_shared<const LowRank>(std::move(product)));
  }
  return adaptation;
}

}  // namespace

std::shared_ptr<const Bundle> current_model(std::shared_ptr<const Bundle> base, const Network& network,
                                            int64_t number) {
  const auto adaptation = learnt(network);
  auto bundle = std::make_shared<Bundle>(*base);
  bundle->model = std::make_shared<const Model>(base->model->adapted(adaptation, 1));
  bundle->variant = to_hex(hash_bytes(cat("training ", base->fingerprint, ' ', number)));
  bundle->image_fingerprint = bundle->variant;
  bundle->base = std::move(base);
  return bundle;
}

}  // namespace llava::core
