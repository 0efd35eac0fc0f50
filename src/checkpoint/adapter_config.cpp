// adapter_config.json.
#include "checkpoint/adapter_config.hpp"

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

namespace llava::core {
namespace {

constexpr double kMostAlpha = 1e9;

constexpr std::string_view kKnown[] = {"peft_type",
                                       "r",
                                       "lora_alpha",
                                       "lora_dropout",
                                       "target_modules",
                                       "bias",
                                       "use_rslora",
                                       "rank_pattern",
                                       "alpha_pattern",
                                       "fan_in_fan_out",
                                       "modules_to_save",
                                       "layers_to_transform",
                                       "layers_pattern",
                                       "init_lora_weights",
                                       "base_model_name_or_path",
                                       "task_type",
                                       "inference_mode",
                                       "revision",
                                       "auto_mapping",
                                       "exclude_modules",
                                       "use_dora",
                                       "lora_bias",
                                       "layer_replication",
                                       "loftq_config",
                                       "eva_config",
                                       "corda_config",
                                       "megatron_config",
                                       "megatron_core",
                                       "trainable_token_indices",
                                       "target_parameters",
                                       "use_qalora",
                                       "qalora_group_size",
                                       "alora_invocation_tokens",
                                       "runtime_config",
                                       "peft_version",
                                       "ensure_weight_tying",
                                       "enable_lora",
                                       "merge_weights",
                                       "arrow_config",
                                       "lora_ga_config",
                                       "velora_config",
                                       "use_bdlora"};

// Keys whose mere use gives other numbers than this file computes.
constexpr std::string_view kNotComputed[] = {"use_dora",
                                             "lora_bias",
                                             "use_qalora",
                                             "layer_replication",
                                             "target_parameters",
                                             "trainable_token_indices",
                                             "alora_invocation_tokens",
                                             "arrow_config",
                                             "use_bdlora",
                                             "velora_config"};

// These start from other weights than the base model's.
constexpr std::string_view kOtherBase[] = {"pissa", "olora", "loftq", "corda", "lora_ga"};

bool is_set(const Json* value) {
  if (!value || value->is_null()) return false;
  if (value->is_boolean()) return value->boolean();
  if (value->is_array() || value->is_object()) return value->size() > 0;
  return true;
}

bool is_plain_name(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' ||
           c == '-';
  });
}

// A name fits a path whole or at its end, behind a dot; with ^ in front only whole.
bool fits(std::string_view name, std::string_view path) {
  if (name.starts_with('^')) return path == name.substr(1);
  return path == name || (path.ends_with(name) && path[path.size() - name.size() - 1] == '.');
}

template <typename Values>
const typename Values::value_type* first_fit(const Values& values, std::string_view path) {
  const auto found = std::find_if(values.begin(), values.end(), [&](const auto& one) { return fits(one.first, path); });
  return found == values.end() ? nullptr : &*found;
}

void check_computed(const Json& json, const std::string& where) {
  std::string found;
  const auto add = [&](const std::string& what) { found += cat(found.empty() ? "" : ", ", what); };
  const auto type = read_string(json, "peft_type", where, "LORA");
  if (type != "LORA") add(cat("peft_type ", type));
  for (const auto key : kNotComputed)
    if (const auto* value = find_value(json, key, where); is_set(value)) add(cat(key, ' ', json_found(*value)));
  const auto* start = find_value(json, "init_lora_weights", where);
  if (start && start->is_string())
    for (const auto begin : kOtherBase)
      if (start->string().starts_with(begin)) add(cat("init_lora_weights ", start->string(), " (another base model)"));
  for (const std::string_view key : {"rank_pattern", "alpha_pattern"})
    if (const auto* values = find_value(json, key, where); values && values->is_object())
      for (const auto& [name, value] : values->items())
        if (!is_plain_name(name.starts_with('^') ? std::string_view(name).substr(1) : name))
          add(cat(key, " with the regular expression \"", name, '"'));
  if (!found.empty()) throw Error(Status::unsupported, cat(where, ": not computed here: ", found, "; plain LoRA is"));
}

// Paths are ASCII, so Python's \w is what text/pattern refuses to guess: letters, digits and _.
std::string with_words_spelt(std::string_view expression) {
  std::string out;
  bool in_set = false;
  for (size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] == '\\' && i + 1 < expression.size()) {
      const char what = expression[++i];
      if (what == 'w')
        out += in_set ? "0-9A-Za-z_" : "[0-9A-Za-z_]";
      else
        out += {'\\', what};
      continue;
    }
    in_set = expression[i] == '[' || (in_set && expression[i] != ']');
    out += expression[i];
  }
  return out;
}

void read_target_text(const std::string& text, const std::string& where, AdapterConfig& config) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  config.all_linear = lower == "all-linear";
  if (config.all_linear) return;
  try {
    config.target_pattern = Pattern::regex(cat("^(?:", with_words_spelt(text), ")$"), where + ": target_modules");
  } catch (const Error& error) {
    if (error.status() != Status::unsupported) throw;
    log_warning(cat(error.message(), "; the expression is not evaluated, the tensors decide"));
  }
}

void read_targets(const Json& json, const std::string& where, AdapterConfig& config) {
  const auto* value = find_value(json, "target_modules", where);
  if (!value) return;
  if (value->is_string()) return read_target_text(value->string(), where, config);
  std::vector<std::string> names;
  if (value->is_array())
    for (const auto& item : value->elements())
      if (item.is_string()) names.push_back(item.string());
  if (!value->is_array() || names.size() != value->size())
    throw Error(Status::format,
                cat(where, ": target_modules is ", json_found(*value), ", expected a list of names or a pattern"));
  config.targets = std::move(names);
}

std::vector<int64_t> read_layers(const Json& json, const std::string& where) {
  const auto* value = find_value(json, "layers_to_transform", where);
  if (value && value->is_number()) return {read_int(json, "layers_to_transform", where, 0, limits::kLayers)};
  return read_int_list(json, "layers_to_transform", where, 0, limits::kLayers, std::vector<int64_t>());
}

const Json::Object& pattern_of(const Json& json, const char* key, const std::string& where) {
  static const Json none = Json::object();
  const auto* value = find_value(json, key, where);
  if (value && !value->is_object())
    throw Error(Status::format, cat(where, ": ", key, " is ", json_found(*value), ", expected an object"));
  return value ? value->items() : none.items();
}

}  // namespace

int64_t AdapterConfig::rank_of(std::string_view path) const {
  const auto* own = first_fit(rank_pattern, path);
  return own ? own->second : rank;
}

double AdapterConfig::strength_of(std::string_view path) const {
  const auto* own = first_fit(alpha_pattern, path);
  const auto width = static_cast<double>(rank_of(path));
  return (own ? own->second : alpha) / (root_rank ? std::sqrt(width) : width);
}

bool AdapterConfig::targets_path(std::string_view path) const {
  if (all_linear) return path != "lm_head" && !path.ends_with(".lm_head");
  if (target_pattern) {
    std::vector<TextRange> found;
    target_pattern->find_all(path, found);
    return found.size() == 1 && found[0].begin == 0 && found[0].end == path.size();
  }
  if (!targets) return true;
  return std::any_of(targets->begin(), targets->end(), [&](const auto& name) {
    return path == name ||
           (path.size() > name.size() && path.ends_with(name) && path[path.size() - name.size() - 1] == '.');
  });
}

bool AdapterConfig::targets_layer(int64_t layer) const {
  return layers.empty() || std::find(layers.begin(), layers.end(), layer) != layers.end();
}

AdapterConfig parse_adapter_config(const Json& json, const std::string& where) {
  if (!json.is_object()) throw Error(Status::format, cat(where, ": is no JSON object"));
  check_computed(json, where);
  AdapterConfig config;
  config.rank = read_int(json, "r", where, 1, limits::kWidth);
  config.alpha = read_number(json, "lora_alpha", where, -kMostAlpha, kMostAlpha);
  config.root_rank = read_bool(json, "use_rslora", where, false);
  config.bias = read_string(json, "bias", where, "none");
  if (config.bias != "none" && config.bias != "all" && config.bias != "lora_only")
    throw Error(Status::format, cat(where, ": bias is \"", config.bias, "\", expected none, all or lora_only"));
  read_targets(json, where, config);
  config.excludes = is_set(find_value(json, "exclude_modules", where));
  config.layers = read_layers(json, where);
  for (const auto& [name, value] : pattern_of(json, "rank_pattern", where))
    config.rank_pattern.emplace_back(
        name, read_int(*find_value(json, "rank_pattern", where), name, where + ".rank_pattern", 1, limits::kWidth));
  for (const auto& [name, value] : pattern_of(json, "alpha_pattern", where))
    config.alpha_pattern.emplace_back(name, read_number(*find_value(json, "alpha_pattern", where), name,
                                                        where + ".alpha_pattern", -kMostAlpha, kMostAlpha));
  config.base_model = read_string(json, "base_model_name_or_path", where, "");
  log_unknown_keys(json, where, kKnown);
  return config;
}

}  // namespace llava::core
