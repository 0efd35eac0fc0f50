// `llava convert`, `llava merge-delta` and `llava merge-lora`: one checkpoint made of others.
#include <iostream>

#include "common.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

struct Arguments {
  std::string source, base, delta, adapter, target;
  float scale = 1;
  std::string layout = "keep", dtype = "auto", shard_size;
  std::string vision_tower, projector;
  bool overwrite = false;
};

llava::Layout layout_named(const std::string& name) {
  return name == "hf" ? llava::Layout::hf : name == "original" ? llava::Layout::original : llava::Layout::keep;
}

void add_writing(CLI::App& verb, Arguments& arguments) {
  verb.add_option("--dtype", arguments.dtype, "of the numbers: auto (as stored, byte for byte), f32, f16, bf16")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "f16"}))
      ->capture_default_str();
  verb.add_option("--shard-size", arguments.shard_size, "most bytes in one file: a number, or 500M, 5G (default)");
  verb.add_flag("--overwrite", arguments.overwrite, "a model folder of that name gives way");
}

llava::SaveOptions save_options(const Arguments& arguments, ProgressBar& bar) {
  llava::SaveOptions options;
  options.layout = layout_named(arguments.layout);
  options.dtype = dtype_named(arguments.dtype);
  if (!arguments.shard_size.empty()) options.shard_bytes = parse_bytes(arguments.shard_size, "--shard-size");
  options.overwrite = arguments.overwrite;
  options.vision_tower = arguments.vision_tower;
  options.projector = arguments.projector;
  options.progress = [&bar](const llava::LoadProgress& progress) { return bar(progress); };
  options.cancel = interrupt_token();
  return options;
}

void run_convert(const Arguments& arguments) {
  ProgressBar bar;
  llava::convert(arguments.source, arguments.target, save_options(arguments, bar));
}

void run_merge_delta(const Arguments& arguments) {
  ProgressBar bar;
  llava::merge_delta(arguments.base, arguments.delta, arguments.target, save_options(arguments, bar));
}

// The model is opened for its plan alone: its weights are mapped, and read as they are written.
void run_merge_lora(const Arguments& arguments) {
  ModelArguments model;
  model.path = arguments.source;
  model.device = "cpu";
  model.vision_tower = arguments.vision_tower;
  model.projector = arguments.projector;
  auto options = load_options(model);
  ProgressBar bar;
  auto save = save_options(arguments, bar);
  save.vision_tower.clear();
  save.projector.clear();
  options.adapter = arguments.adapter;  // a language model becomes a LLaVA with the adapter's projector
  const auto opened = llava::load(arguments.source, options);
  llava::detach(opened);
  llava::merge_adapter(opened, llava::Adapter(opened, arguments.adapter), arguments.scale, arguments.target, save);
}

void add_layout(CLI::App& verb, Arguments& arguments) {
  verb.add_option("--layout", arguments.layout, "keep, hf (transformers opens it), original (haotian-liu/LLaVA)")
      ->check(CLI::IsMember({"keep", "hf", "original"}))
      ->capture_default_str();
}

}  // namespace

void add_convert(CLI::App& app) {
  auto shared = std::make_shared<Arguments>();
  auto* convert = app.add_subcommand("convert", "write a checkpoint in another layout, dtype or number of files");
  convert->add_option("IN", shared->source, "model folder, any layout that is read")->required();
  convert->add_option("OUT", shared->target, "folder to make; it appears when it is complete")->required();
  add_layout(*convert, *shared);
  add_parts(*convert, shared->vision_tower, shared->projector);
  add_writing(*convert, *shared);
  convert->callback([shared] { run_convert(*shared); });

  auto* merge = app.add_subcommand("merge-delta", "delta weights (v0, v1.1) and their LLaMA to a model");
  merge->add_option("--base", shared->base, "folder of the LLaMA the delta was made from")->required();
  merge->add_option("--delta", shared->delta, "folder of the delta")->required();
  merge->add_option("--out", shared->target, "folder to make; it appears when it is complete")->required();
  add_writing(*merge, *shared);
  merge->callback([shared] { run_merge_delta(*shared); });

  auto* lora = app.add_subcommand("merge-lora", "a model with a LoRA in its weights, as a checkpoint of its own");
  lora->add_option("MODEL", shared->source, "model folder; a language model when the LoRA brings a projector")
      ->required();
  lora->add_option("ADAPTER", shared->adapter, "folder of the LoRA (adapter_config.json)")->required();
  lora->add_option("OUT", shared->target, "folder to make; it appears when it is complete")->required();
  lora->add_option("--scale", shared->scale, "what the products are multiplied with")->capture_default_str();
  add_layout(*lora, *shared);
  add_parts(*lora, shared->vision_tower, shared->projector);
  add_writing(*lora, *shared);
  lora->callback([shared] { run_merge_lora(*shared); });
}

}  // namespace llava_cli
