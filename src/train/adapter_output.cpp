// Two files, or three.
#include "train/adapter_output.hpp"

#include <set>

#include "base/atomic_folder.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "checkpoint/config_output.hpp"
#include "weights/safetensors_writer.hpp"
#include "weights/torch_writer.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kConfig = "adapter_config.json";
constexpr std::string_view kDownEnd = ".lora_A.weight";

class Names {
 public:
  Names(const Checkpoint& checkpoint, bool original)
      : original_(original || checkpoint.layout == "original" || checkpoint.layout == "parts"),
        depth_(checkpoint.config.projector.depth) {}

  // Of a tensor in the class that reads the checkpoint; the head and tied tables have one name in both.
  std::string published(const std::string& canonical) const {
    auto name = original_ ? std::string() : published_name(canonical, "hf-5", depth_);
    if (name.empty()) name = published_name(canonical, "original", depth_);
    if (name.empty()) throw Error(Status::internal, cat("no name for ", canonical, " in an adapter"));
    return name;
  }

 private:
  bool original_;
  int64_t depth_;
};

// Of `value`, which has to stay.
TensorView view_of(std::string name, const Learner& learner, const at::Tensor& value) {
  TensorView view;
  view.name = std::move(name);
  view.shape = learner.shape;
  view.data = static_cast<const std::byte*>(value.const_data_ptr());
  view.size_bytes = value.nbytes();
  return view;
}

std::string without_end(const std::string& name, size_t end) { return name.substr(0, name.size() - end); }

Json config_of(const LoadPlan& plan, const Network& network, const std::vector<std::string>& targets,
               const std::set<std::string>& modules) {
  const auto& lora = network.options().lora;
  return Json::object({{"peft_type", "LORA"},
                       {"task_type", "CAUSAL_LM"},
                       {"auto_mapping", nullptr},
                       {"base_model_name_or_path", plan.checkpoint.path},
                       {"revision", nullptr},
                       {"inference_mode", true},
                       {"r", lora.rank},
                       {"lora_alpha", lora.alpha},
                       {"lora_dropout", lora.dropout},
                       {"use_rslora", lora.root_rank},
                       {"use_dora", false},
                       {"bias", "none"},
                       {"fan_in_fan_out", false},
                       {"init_lora_weights", true},
                       {"layers_to_transform", nullptr},
                       {"layers_pattern", nullptr},
                       {"rank_pattern", Json::object()},
                       {"alpha_pattern", Json::object()},
                       {"target_modules", targets},
                       {"modules_to_save", modules.empty() ? Json() : Json::array_of(modules)}});
}

}  // namespace

void save_adapter(const LoadPlan& plan, const Network& network, const std::string& target,
                  const AdapterOutput& options) {
  const Names names(plan.checkpoint, options.rest_apart);
  std::vector<TensorOutline> outlines;
  std::vector<const Learner*> learners;
  std::vector<at::Tensor> held;
  std::vector<TensorView> rest;  // of what is held
  std::vector<std::string> targets;
  std::set<std::string> modules;
  for (const auto& learner : network.learners().all()) {
    if (!learner.learns()) continue;
    const auto name = names.published(learner.name);
    if (name.ends_with(kDownEnd)) targets.push_back(without_end(name, kDownEnd.size()));
    if (!learner.fill && options.rest_apart) {
      held.push_back(network.value(learner).to(at::kCPU));
      rest.push_back(view_of("base_model.model." + name, learner, held.back()));
      continue;
    }
    if (!learner.fill) modules.insert(name.substr(0, name.rfind('.')));
    outlines.push_back({"base_model.model." + name, DType::f32, learner.shape});
    learners.push_back(&learner);
  }
  if (targets.empty())
    throw Error(Status::argument, cat(target, ": nothing was learnt with LoRA, so there is no adapter"));
  AtomicFolder folder(target, options.replace, std::string(kConfig));
  SafetensorsWriter writer(folder.path() + "/adapter_model.safetensors", std::move(outlines), {{"format", "pt"}});
  for (const auto index : writer.order()) {
    const auto value = network.value(*learners[index]).to(at::kCPU);
    writer.write(value.const_data_ptr(), static_cast<size_t>(value.nbytes()));
  }
  writer.commit();
  if (options.rest_apart) write_torch_file(folder.path() + "/non_lora_trainables.bin", rest);
  write_file_atomically(folder.path() + "/" + std::string(kConfig),
                        config_of(plan, network, targets, modules).dump(2) + "\n");
  write_file_atomically(folder.path() + "/preprocessor_config.json",
                        preprocessor_config(plan.checkpoint, /*original=*/false).dump(2) + "\n");
  folder.commit();
}

}  // namespace llava::core
