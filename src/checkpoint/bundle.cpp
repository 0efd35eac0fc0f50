// Loading a whole model: read the small files, check that the parts fit, then take the weights.
#include "checkpoint/bundle.hpp"

#include <c10/core/InferenceMode.h>

#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "checkpoint/added_tokens.hpp"
#include "checkpoint/fingerprint.hpp"
#include "checkpoint/tokenizer_file.hpp"
#include "model/config_json.hpp"
#include "model/weight_names.hpp"
#include "ops/device.hpp"
#include "weights/finite.hpp"
#include "weights/weight_folder.hpp"

namespace llava::core {
namespace {

namespace fs = std::filesystem;

std::string model_folder(const std::string& path) {
  if (path.empty()) throw Error(Status::argument, "the model path is empty");
  if (static_cast<int64_t>(path.size()) > limits::kPathBytes)
    throw Error(Status::limit, cat("the model path has ", path.size(), " bytes, at most ", limits::kPathBytes));
  std::error_code failure;
  const auto status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found)
    throw Error(Status::not_found,
                cat(path, " does not exist; a model is a folder with config.json and *.safetensors"));
  if (failure) throw Error(Status::io, cat(path, ": ", failure.message()));
  if (!fs::is_directory(status))
    throw Error(Status::unsupported,
                cat(path, " is no folder; a model is a folder with config.json and *.safetensors"));
  auto folder = fs::absolute(path, failure).lexically_normal().string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

GenerationDefaults read_defaults(const std::string& folder, const LanguageConfig& language) {
  GenerationDefaults defaults;
  defaults.eos = language.eos;
  const std::string name = "generation_config.json", path = folder + "/" + name;
  if (!fs::exists(path)) return defaults;
  const auto json = parse_json(read_file(path, limits::kConfigJsonBytes, name), name);
  if (!json.is_object()) throw Error(Status::format, cat(name, " is no JSON object"));
  const bool sample = read_bool(json, "do_sample", name, json.contains("temperature"));
  defaults.temperature = sample ? read_number(json, "temperature", name, 0, 1e6, defaults.temperature)
                         : json.contains("do_sample") ? 0.0
                                                      : defaults.temperature;
  defaults.top_p = read_number(json, "top_p", name, 1e-9, 1, defaults.top_p);
  defaults.top_k = sample ? read_int(json, "top_k", name, 0, limits::kVocabulary, defaults.top_k) : 0;
  defaults.repetition_penalty = read_number(json, "repetition_penalty", name, 1e-6, 1e6, 1.0);
  defaults.max_tokens = read_int(json, "max_new_tokens", name, 1, limits::kContext, defaults.max_tokens);
  const int64_t last = language.vocabulary - 1;
  if (json.contains("eos_token_id") && json.at("eos_token_id").is_array())
    defaults.eos = read_int_list(json, "eos_token_id", name, 0, last);
  else if (json.contains("eos_token_id"))
    defaults.eos = {read_int(json, "eos_token_id", name, 0, last, language.eos.front())};
  return defaults;
}

PreprocessConfig read_preprocess(const std::string& folder, int64_t image_size) {
  const std::string name = "preprocessor_config.json", path = folder + "/" + name;
  if (!fs::exists(path)) return clip_preprocess(static_cast<int32_t>(image_size));
  return parse_preprocess(read_file(path, limits::kConfigJsonBytes, name), name);
}

// How far positions reach: stretched rotary angles reach further than what the model was trained with.
int64_t reachable_context(const LanguageConfig& language) {
  const bool stretched =
      language.rope.scaling == RopeConfig::Scaling::linear || language.rope.scaling == RopeConfig::Scaling::dynamic;
  return stretched ? static_cast<int64_t>(static_cast<double>(language.context) * language.rope.factor)
                   : language.context;
}

void check_tokenizer(const Tokenizer& tokenizer, const std::string& file, const ModelConfig& config) {
  if (tokenizer.size() > config.language.vocabulary)
    throw Error(Status::format,
                cat(file, " has ", tokenizer.size(), " tokens with the added ones, config.json's vocab_size is ",
                    config.language.vocabulary));
  if (tokenizer.bos() >= 0 && config.language.bos >= 0 && tokenizer.bos() != config.language.bos)
    throw Error(Status::format,
                cat(file, "'s BOS is ", tokenizer.bos(), ", config.json's bos_token_id ", config.language.bos));
}

// Only a crop, an exact size or padding to a square give every picture the size the tower was made for.
void check_picture_size(const Bundle& bundle) {
  const auto& rules = bundle.preprocess;
  const int64_t expected = bundle.config.vision.image_size;
  int64_t height = rules.height, width = rules.width;
  if (rules.do_center_crop) {
    height = rules.crop_height;
    width = rules.crop_width;
  } else if (rules.do_pad && rules.shortest_edge > 0) {
    height = width = rules.shortest_edge;
  }
  if (height == expected && width == expected) return;
  const auto found = height > 0 ? cat(width, " x ", height) : std::string("a size of their own");
  throw Error(Status::format, cat("preprocessor_config.json makes pictures of ", found,
                                  ", config.json's vision_config.image_size is ", expected));
}

OpenOptions open_options(const LoadOptions& options) {
  OpenOptions open;
  open.map = options.map;
  open.checksums = options.verify;
  open.cancel = options.cancel;
  if (options.progress)
    open.progress = [&options](int64_t done, int64_t total, std::string_view file) {
      options.progress({"weights", done, total, file});
    };
  return open;
}

void take_weights(Bundle& bundle, std::string_view config_text, const LoadOptions& options) {
  const auto device = parse_device(options.device);
  const auto weights = open_weight_folder(bundle.path, open_options(options));
  check_unchanged(weights);
  if (options.verify) check_finite(weights, options.cancel);
  Parameters parameters(weights, bundle.config, {device, options.dtype}, options.cancel);
  auto model = std::make_shared<const Model>(parameters, bundle.config);
  if (options.progress) options.progress({"warm-up", weights.size_bytes(), weights.size_bytes(), {}});
  model->warm_up();
  bundle.layout = parameters.layout();
  bundle.unused = parameters.leftovers();
  bundle.fingerprint = model_fingerprint(config_text, weights);
  bundle.weight_bytes = weights.size_bytes();
  for (const auto& view : weights.all()) {
    int64_t count = 1;
    for (const auto side : view.shape) count *= side;
    bundle.parameters += count;
    if (canonical_name(view.name) == "language.embed_tokens.weight") bundle.stored_dtype = dtype_name(view.dtype);
  }
  bundle.model = std::move(model);
}

}  // namespace

std::shared_ptr<const Bundle> load_bundle(const std::string& path, const LoadOptions& options) {
  const c10::InferenceMode no_gradients;
  options.cancel.poll("load");
  auto bundle = std::make_shared<Bundle>();
  bundle->path = model_folder(path);
  const auto config_text =
      read_file(bundle->path + "/config.json", limits::kConfigJsonBytes, bundle->path + "/config.json");
  bundle->config = parse_model_config(parse_json(config_text, "config.json"), "config.json");
  const auto settings = read_tokenizer_settings(bundle->path);
  bundle->tokenizer = open_tokenizer(bundle->path, settings, bundle->tokenizer_file, bundle->tokenizer_unused);
  check_tokenizer(*bundle->tokenizer, bundle->tokenizer_file, bundle->config);
  bundle->preprocess = read_preprocess(bundle->path, bundle->config.vision.image_size);
  check_picture_size(*bundle);
  bundle->defaults = read_defaults(bundle->path, bundle->config.language);
  if (options.template_name.empty()) {
    bundle->chat_template = &choose_template({fs::path(bundle->path).filename().string(), settings.chat_template},
                                             &bundle->template_reason);
  } else {
    bundle->chat_template = &find_template(options.template_name);
    bundle->template_reason = "asked for by the caller";
  }
  bundle->context = reachable_context(bundle->config.language);
  if (options.max_context < 0 || options.max_context > bundle->context)
    throw Error(Status::argument,
                cat("max_context is ", options.max_context, ", the model allows 1 … ", bundle->context, " (0 = all)"));
  if (options.max_context > 0) bundle->context = options.max_context;
  take_weights(*bundle, config_text, options);
  return bundle;
}

}  // namespace llava::core
