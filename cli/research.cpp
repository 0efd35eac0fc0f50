// `llava tokens`, `pixels`, `features`, `logits`: every joint of the model as numbers, for research and for checking.
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "common.hpp"
#include "npy.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

struct Arguments {
  ModelArguments model;
  std::string prompt, ids, system, output, picture;
  std::vector<std::string> images;
  int32_t layer = LLAVA_LAYER_CONFIGURED;
  bool has_system = false, raw = false, projected = false, json = false;
};

std::vector<llava::Image> open_images(const std::vector<std::string>& paths) {
  std::vector<llava::Image> images;
  for (const auto& path : paths) images.push_back(open_image(path));
  return images;
}

std::vector<int32_t> prompt_ids(const llava::Model& model, const Arguments& arguments,
                                const std::vector<llava::Image>& images) {
  if (!arguments.ids.empty()) return parse_ids(arguments.ids);
  const auto text = prompt_text(arguments.prompt);
  llava::TemplateOptions options;
  options.template_name = arguments.model.template_name;
  options.has_system = arguments.has_system;
  options.system = arguments.system;
  const bool marked = arguments.model.template_name == "none";
  const std::vector<llava::Message> messages = {marked ? marked_message(text, images) : question(text, images)};
  return model.prompt_ids(messages, options);
}

// Positions of ids and pictures together. Places without a picture (--ids alone) count where all pictures take the same.
std::optional<int64_t> count_positions(const llava::Model& model, const std::vector<int32_t>& ids,
                                       const std::vector<llava::Image>& images) {
  const bool varies = !nlohmann::json::parse(model.info_json()).at("tiling").is_null();
  auto positions = static_cast<int64_t>(ids.size());
  size_t place = 0;
  for (const auto id : ids) {
    if (id != LLAVA_IMAGE_TOKEN) continue;
    const bool known = place < images.size();
    if (!known && varies) return std::nullopt;
    positions += (known ? model.image_tokens(images[place]) : model.limits().tokens_per_image) - 1;
    ++place;
  }
  return positions;
}

void run_tokens(const Arguments& arguments) {
  const auto model = open_model(arguments.model);
  const auto images = open_images(arguments.images);
  const auto ids = prompt_ids(model, arguments, images);
  nlohmann::ordered_json json = {{"ids", ids}, {"pieces", nlohmann::ordered_json::array()}};
  for (const auto id : ids)
    json["pieces"].push_back(id == LLAVA_IMAGE_TOKEN ? std::string("<image>") : model.token_text(id));
  const auto positions = count_positions(model, ids, images);
  json["positions"] = positions ? nlohmann::ordered_json(*positions) : nlohmann::ordered_json();
  if (arguments.json) {
    std::cout << json.dump() << '\n';
    return;
  }
  for (size_t i = 0; i < ids.size(); ++i) std::cout << ids[i] << '\t' << json["pieces"][i].get<std::string>() << '\n';
  std::cerr << ids.size() << " ids, ";
  if (positions)
    std::cerr << *positions << " positions with pictures\n";
  else
    std::cerr << "as many positions more as the pictures' sizes make: give --image\n";
}

void run_pixels(const Arguments& arguments) {
  const auto tensor = open_model(arguments.model).preprocess(open_image(arguments.picture), interrupt_token());
  write_npy(arguments.output, tensor.shape(), tensor.to_floats());
}

void run_features(const Arguments& arguments) {
  if (arguments.projected && arguments.layer != LLAVA_LAYER_CONFIGURED)
    throw UsageError(
        "--layer names a state of the vision tower; the projector takes the configured one: use --raw with --layer");
  llava::EncodeOptions options;
  options.features = arguments.raw || arguments.layer != LLAVA_LAYER_CONFIGURED;
  options.layer = arguments.layer;
  options.cancel = interrupt_token();
  const auto tensor = open_model(arguments.model).encode(open_image(arguments.picture), options).tensor();
  write_npy(arguments.output, tensor.shape(), tensor.to_floats());
}

void run_logits(const Arguments& arguments) {
  const auto model = open_model(arguments.model);
  const auto images = open_images(arguments.images);
  const auto ids = prompt_ids(model, arguments, images);
  llava::EncodeOptions encode;
  encode.cancel = interrupt_token();
  std::vector<llava::Embedding> embeddings;
  if (!images.empty()) embeddings = model.encode(images, encode);
  llava::ForwardOptions options;
  options.cancel = interrupt_token();
  const auto tensor = model.forward(ids, embeddings, options);
  write_npy(arguments.output, tensor.shape(), tensor.to_floats());
}

void add_prompt(CLI::App& verb, Arguments& arguments) {
  auto* prompt = verb.add_option("--prompt", arguments.prompt,
                                 "the user's words, - for standard input; with --template none <image> marks places");
  auto* ids = verb.add_option("--ids", arguments.ids, "token ids instead: 1,2,-200,3 (-200 is an image place)")
                  ->excludes(prompt)
                  ->excludes(verb.get_option("--template"));
  verb.add_option("--system", arguments.system, "system text instead of the template's own")->excludes(ids);
  verb.add_option("--image", arguments.images, "a picture, - for standard input; may be given several times")
      ->take_all()
      ->allow_extra_args(false);
}

void check_prompt(const CLI::App& verb, Arguments& arguments) {
  arguments.has_system = verb.count("--system") > 0;
  if (verb.count("--prompt") == 0 && arguments.ids.empty()) throw UsageError("give --prompt or --ids");
  check_standard_input(arguments.images, arguments.prompt);
}

void add_output(CLI::App& verb, Arguments& arguments) {
  verb.add_option("-o,--output", arguments.output, ".npy file (f32, C order), - for standard output")->required();
}

}  // namespace

void add_research(CLI::App& app) {
  auto shared = std::make_shared<Arguments>();
  auto* tokens = app.add_subcommand("tokens", "the token ids of a prompt");
  add_model_arguments(*tokens, shared->model);
  add_prompt(*tokens, *shared);
  tokens->add_flag("--json", shared->json,
                   "one JSON object: ids, pieces, positions (null: it depends on pictures not given)");
  tokens->callback([tokens, shared] {
    check_prompt(*tokens, *shared);
    run_tokens(*shared);
  });

  auto* pixels = app.add_subcommand("pixels", "the numbers the vision tower sees, [3, S, S], or tiles [T, 3, S, S]");
  add_model_arguments(*pixels, shared->model);
  pixels->add_option("IMAGE", shared->picture, "a picture, - for standard input")->required();
  add_output(*pixels, *shared);
  pixels->callback([shared] { run_pixels(*shared); });

  auto* features =
      app.add_subcommand("features", "a picture's features: projected [P, D], or raw [P, C] (of T tiles [T * P, C])");
  add_model_arguments(*features, shared->model);
  features->add_option("IMAGE", shared->picture, "a picture, - for standard input")->required();
  features->add_option("--layer", shared->layer,
                       "hidden state of the tower, as transformers counts them (implies --raw)");
  auto* raw = features->add_flag("--raw", shared->raw, "before the projector");
  features->add_flag("--projected", shared->projected, "after the projector (default)")->excludes(raw);
  add_output(*features, *shared);
  features->callback([shared] { run_features(*shared); });

  auto* logits = app.add_subcommand("logits", "the logits of every position, [L', V]");
  add_model_arguments(*logits, shared->model);
  add_prompt(*logits, *shared);
  add_output(*logits, *shared);
  logits->callback([logits, shared] {
    check_prompt(*logits, *shared);
    run_logits(*shared);
  });
}

}  // namespace llava_cli
