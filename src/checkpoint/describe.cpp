// What `llava info` prints, and what a loaded model says of itself.
#include "checkpoint/describe.hpp"

#include "base/error.hpp"
#include "checkpoint/adapter.hpp"
#include "checkpoint/bundle.hpp"
#include "checkpoint/plan.hpp"

namespace llava::core {
namespace {

const char* rope_name(RopeConfig::Scaling scaling) {
  switch (scaling) {
    case RopeConfig::Scaling::none:
      return "none";
    case RopeConfig::Scaling::linear:
      return "linear";
    case RopeConfig::Scaling::dynamic:
      return "dynamic";
    case RopeConfig::Scaling::llama3:
      return "llama3";
  }
  return "?";
}

Json vision_json(const Checkpoint& checkpoint) {
  const auto& config = checkpoint.config;
  const auto& vision = config.vision;
  const auto& layers = config.feature_layers;
  const auto feature_layer = layers.size() == 1 ? Json(layers[0]) : Json(layers);
  return Json::object({{"width", vision.width},
                       {"layers", vision.layers},
                       {"heads", vision.heads},
                       {"intermediate", vision.intermediate},
                       {"patch_size", vision.patch_size},
                       {"image_size", vision.image_size},
                       {"activation", activation_name(vision.activation)},
                       {"feature_layer", feature_layer},
                       {"keep_class_token", config.keep_class_token},
                       {"tokens_per_image", checkpoint.most_image_tokens()}});
}

// null where nothing tells. "named" is false where no file says it: a stage of training may then choose another.
Json pictures_json(const Checkpoint& checkpoint) {
  const char* const prepared = checkpoint.preprocess.do_pad ? "pad" : "square";
  if (!checkpoint.tiling && !checkpoint.preprocess_known && checkpoint.aspect_ratio.empty()) return nullptr;
  return Json::object({{"mode", checkpoint.tiling             ? "anyres"
                                : checkpoint.preprocess_known ? prepared
                                                              : checkpoint.aspect_ratio},
                       {"named", !checkpoint.aspect_ratio_open}});
}

// null where a picture is one square; tokens_per_image is then what every picture takes, else the most
Json tiling_json(const std::optional<TilingConfig>& tiling) {
  if (!tiling) return nullptr;
  auto grids = Json::array();
  for (const auto& grid : tiling->grids) grids.push_back(std::vector<int64_t>{grid.width, grid.height});
  return Json::object({{"rule", tile_rule_name(tiling->rule)},
                       {"merge", tile_merge_name(tiling->merge)},
                       {"tile_side", tiling->side},
                       {"tokens_per_tile", tiling->rows_per_tile},
                       {"most_tiles", tiling->most_tiles()},
                       {"most_tokens", tiling->most_tokens()},
                       {"grids", grids}});
}

Json language_json(const LanguageConfig& language) {
  return Json::object({{"type", language.type},
                       {"vocabulary", language.vocabulary},
                       {"width", language.width},
                       {"layers", language.layers},
                       {"heads", language.heads},
                       {"key_value_heads", language.key_value_heads},
                       {"head_width", language.head_width},
                       {"intermediate", language.intermediate},
                       {"rope_theta", language.rope.theta},
                       {"rope_scaling", rope_name(language.rope.scaling)},
                       {"context", language.context},
                       {"sliding_window", language.window},
                       {"tied_head", language.tied_head}});
}

Json sources_json(const Checkpoint& checkpoint) {
  auto list = Json::array();
  for (const auto& source : checkpoint.sources)
    list.push_back(Json::object({{"role", source.role}, {"path", source.path}, {"why", source.why}}));
  return list;
}

Json tokenizer_json(const Checkpoint& checkpoint) {
  if (!checkpoint.tokenizer) return nullptr;
  Json json = Json::object({{"tokens", checkpoint.tokenizer->size()},
                            {"bos", checkpoint.tokenizer->bos()},
                            {"eos", checkpoint.defaults.eos},
                            {"file", checkpoint.tokenizer_file},
                            {"kind", checkpoint.tokenizer->kind()},
                            {"unused_file", checkpoint.tokenizer_unused}});
  const auto& marks = checkpoint.image_marks;
  if (marks.begin >= 0) json.set("image_marks", std::vector<int64_t>{marks.begin, marks.end});
  return json;
}

// For each device the types a load may ask for; "stored" is what it gets unasked. null where tensors are missing: what those
// that are there take up is not what the model takes.
Json memory_json(const LoadPlan& plan) {
  if (!plan.whole) return nullptr;
  struct Type {
    const char* name;
    std::optional<at::ScalarType> type;
  };
  const Type types[] = {{"stored", {}}, {"f32", at::kFloat}, {"f16", at::kHalf}, {"bf16", at::kBFloat16}};
  Json json = Json::object();
  for (const auto device : {at::kCPU, at::kCUDA}) {
    auto& by_type = json.add(device == at::kCPU ? "cpu" : "cuda", Json::object());
    for (const auto& type : types) {
      const auto need = memory_need(plan, {device, type.type});
      const auto cache = need.cache_bytes_per_token * plan.checkpoint.context;
      by_type.add(type.name, Json::object({{"weight_bytes", need.weight_bytes},
                                           {"cache_bytes_per_token", need.cache_bytes_per_token},
                                           {"cache_bytes", cache},
                                           {"total_bytes", need.weight_bytes + cache}}));
    }
  }
  return json;
}

}  // namespace

Json describe(const Checkpoint& checkpoint) {
  const auto& defaults = checkpoint.defaults;
  const auto& config = checkpoint.config;
  const auto* row = checkpoint.chat_template;
  return Json::object({
      {"path", checkpoint.path},
      {"family", checkpoint.family},
      {"layout", checkpoint.layout},
      {"sources", sources_json(checkpoint)},
      {"parameters", checkpoint.parameters},
      {"weight_bytes", checkpoint.weight_bytes},
      {"stored_dtype", checkpoint.stored_dtype},
      {"context", checkpoint.context},
      {"vision", checkpoint.vision_known ? vision_json(checkpoint) : Json()},
      {"pictures", pictures_json(checkpoint)},
      {"tiling", tiling_json(checkpoint.tiling)},
      {"projector", Json::object({{"layers", config.projector.depth},
                                  {"input_width", config.feature_width()},
                                  {"activation", activation_name(config.projector.activation)}})},
      {"language", language_json(config.language)},
      {"tokenizer", tokenizer_json(checkpoint)},
      {"template", row ? Json::object({{"name", row->key}, {"why", checkpoint.template_reason}}) : Json()},
      {"sampling", Json::object({{"temperature", defaults.temperature},
                                 {"top_p", defaults.top_p},
                                 {"top_k", defaults.top_k},
                                 {"repetition_penalty", defaults.repetition_penalty},
                                 {"max_tokens", defaults.max_tokens}})},
      {"notes", checkpoint.notes},
      {"unused_tensors", checkpoint.unused},
  });
}

std::string plan_json(const LoadPlan& plan) {
  auto json = describe(plan.checkpoint);
  json.set("memory", memory_json(plan));
  if (plan.adapter) json.set("adapter", describe(*plan.adapter));
  json.set("loadable", plan.problems.empty());
  auto problems = Json::array();
  for (const auto& problem : plan.problems)
    problems.push_back(Json::object(
        {{"status", status_name(static_cast<int32_t>(problem.status()))}, {"message", problem.message()}}));
  json.set("problems", problems);
  return json.dump();
}

int64_t cache_bytes_per_token(const Bundle& bundle) {
  const auto& language = bundle.config.language;
  const auto element = static_cast<int64_t>(c10::elementSize(bundle.model->dtype()));
  return language.cache_numbers_per_token() * element;
}

std::string bundle_info_json(const Bundle& bundle, const Json& adapters) {
  auto json = describe(bundle);
  json.set("fingerprint", bundle.fingerprint);
  json.set("device", bundle.model->device().str());
  json.set("cache_bytes_per_token", cache_bytes_per_token(bundle));
  json.set("adapters", adapters);
  return json.dump();
}

}  // namespace llava::core
