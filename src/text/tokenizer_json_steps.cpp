// Every component is a {"type": …} object or a "Sequence" of such; sequences within sequences are taken apart first.
#include "text/tokenizer_json_steps.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/known_patterns.hpp"
#include "text/unicode.hpp"

namespace llava::core {
namespace {

struct Step {
  const Json* json;
  std::string where;
  std::string type;
};

void flatten(const Json& json, const std::string& where, const char* list_name, std::vector<Step>& steps) {
  const std::string type = read_string(json, "type", where);
  if (type != "Sequence") {
    if (static_cast<int64_t>(steps.size()) >= limits::kTokenizerSteps)
      throw Error(Status::limit, cat(where, ": more than ", limits::kTokenizerSteps, " steps"));
    steps.push_back({&json, where, type});
    return;
  }
  const Json* list = find_value(json, list_name, where);
  if (!list || !list->is_array()) throw Error(Status::format, cat(where, ".", list_name, " is no array"));
  for (size_t i = 0; i < list->size(); ++i)
    flatten(list->at(i), cat(where, ".", list_name, "[", i, "]"), list_name, steps);
}

std::vector<Step> steps_of(const Json& json, const std::string& where, const char* list_name) {
  std::vector<Step> steps;
  if (!json.is_null()) flatten(json, where, list_name, steps);
  return steps;
}

[[noreturn]] void refuse_type(const Step& step, std::string_view kind, std::string_view supported) {
  throw Error(Status::unsupported, cat(step.where, ": the ", kind, " \"", printable(step.type, 60),
                                       "\" is not supported; ", supported, " are"));
}

[[noreturn]] void refuse(const std::string& where, std::string_view what) {
  throw Error(Status::unsupported, cat(where, ": ", what));
}

Pattern read_pattern(const Json& json, const std::string& where) {
  const Json* pattern = find_value(json, "pattern", where);
  const std::string place = where + ".pattern";
  if (!pattern || !pattern->is_object() || pattern->size() != 1)
    throw Error(Status::format, cat(place, " is ", pattern ? json_found(*pattern) : "missing",
                                    ", expected {\"String\": …} or {\"Regex\": …}"));
  if (pattern->contains("Regex")) return Pattern::regex(read_string(*pattern, "Regex", place), place + ".Regex");
  return Pattern::literal(read_string(*pattern, "String", place), place + ".String");
}

/// A string of exactly one code point.
std::string read_char(const Json& json, const char* key, const std::string& where) {
  std::string text = read_string(json, key, where);
  if (text.empty() || code_point_at(text, 0).bytes != text.size())
    throw Error(Status::format, cat(where, ".", key, " is \"", printable(text, 60), "\", expected one character"));
  return text;
}

PreTokenizerStep::Behavior read_behavior(const Json& json, const std::string& where) {
  using Behavior = PreTokenizerStep::Behavior;
  const std::string name = read_string(json, "behavior", where);
  if (name == "Isolated") return Behavior::isolated;
  if (name == "Removed") return Behavior::removed;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  refuse(where + ".behavior", cat("\"", printable(name, 60), "\" is not supported"));
}

PreTokenizerStep::Prepend read_prepend(const Json& json, const std::string& where) {
  using Prepend = PreTokenizerStep::Prepend;
  const std::string scheme = read_string(json, "prepend_scheme", where, "always");
  const bool legacy = read_bool(json, "add_prefix_space", where, true);
  if (scheme == "never") return Prepend::never;
  if (!legacy)
    throw Error(Status::format,
                cat(where, ": add_prefix_space is false, prepend_scheme \"", printable(scheme, 60), "\""));
  if (scheme == "always") return Prepend::always;
  if (scheme == "first") return Prepend::first;
  refuse(where + ".prepend_scheme", cat("\"", printable(scheme, 60), "\" is not supported"));
}

PreTokenizerStep read_byte_level(const Json& json, const std::string& where) {
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::byte_level;
  step.adds_blank = read_bool(json, "add_prefix_space", where, true);
  if (read_bool(json, "use_regex", where, true)) step.pattern = Pattern::regex(std::string(kGpt2Pattern), where);
  return step;
}

PreTokenizerStep read_metaspace(const Json& json, const std::string& where) {
  PreTokenizerStep step;
  step.kind = PreTokenizerStep::Kind::metaspace;
  step.blank = read_char(json, "replacement", where);
  step.prepend = read_prepend(json, where);
  step.splits = read_bool(json, "split", where, true);
  return step;
}

PreTokenizerStep read_split(const Json& json, const std::string& where) {
  PreTokenizerStep step;
  step.pattern = read_pattern(json, where);
  step.behavior = read_behavior(json, where);
  step.invert = read_bool(json, "invert", where, false);
  return step;
}

/// The last of a post-processor's special tokens before the text; more than one is refused.
std::string first_of_template(const Json& json, const std::string& where) {
  const Json* single = find_value(json, "single", where);
  if (!single || !single->is_array()) throw Error(Status::format, cat(where, ".single is no array"));
  std::string name;
  for (size_t i = 0; i < single->size(); ++i) {
    const auto place = cat(where, ".single[", i, "]");
    if (find_value(single->at(i), "Sequence", place)) return name;
    const Json* token = find_value(single->at(i), "SpecialToken", place);
    if (!token) throw Error(Status::format, cat(place, ": expected a Sequence or a SpecialToken"));
    if (!name.empty()) refuse(where + ".single", "more than one token before the text is not supported");
    name = read_string(*token, "id", place + ".SpecialToken");
  }
  throw Error(Status::format, cat(where, ".single has no Sequence"));
}

}  // namespace

std::vector<NormalizerStep> read_normalizer(const Json& json, const std::string& where) {
  std::vector<NormalizerStep> steps;
  for (const Step& found : steps_of(json, where, "normalizers")) {
    NormalizerStep step;
    if (found.type == "Prepend") {
      step.kind = NormalizerStep::Kind::prepend;
      step.text = read_string(*found.json, "prepend", found.where);
    } else if (found.type == "Replace") {
      step.kind = NormalizerStep::Kind::replace;
      step.pattern = read_pattern(*found.json, found.where);
      step.text = read_string(*found.json, "content", found.where);
    } else if (found.type != "NFC") {
      refuse_type(found, "normalizer", "Prepend, Replace, NFC and Sequence");
    }
    if (static_cast<int64_t>(step.text.size()) > limits::kPatternBytes)
      throw Error(Status::limit,
                  cat(found.where, ": a text of ", step.text.size(), " bytes, at most ", limits::kPatternBytes));
    steps.push_back(std::move(step));
  }
  return steps;
}

std::vector<PreTokenizerStep> read_pre_tokenizer(const Json& json, const std::string& where) {
  std::vector<PreTokenizerStep> steps;
  for (const Step& found : steps_of(json, where, "pretokenizers")) {
    if (!steps.empty() && steps.back().kind == PreTokenizerStep::Kind::byte_level)
      refuse(found.where, "a step after ByteLevel is not supported");
    if (found.type == "Split") {
      steps.push_back(read_split(*found.json, found.where));
    } else if (found.type == "Metaspace") {
      steps.push_back(read_metaspace(*found.json, found.where));
    } else if (found.type == "ByteLevel") {
      steps.push_back(read_byte_level(*found.json, found.where));
    } else {
      refuse_type(found, "pre-tokenizer", "Split, Metaspace, ByteLevel and Sequence");
    }
  }
  return steps;
}

DecoderRules read_decoder(const Json& json, const std::string& where) {
  DecoderRules rules;
  const std::vector<Step> steps = steps_of(json, where, "decoders");
  if (steps.empty()) refuse(where, "a tokenizer without a decoder is not supported");
  bool fused = false;
  for (const Step& step : steps) {
    const Json& own = *step.json;
    if (rules.byte_level || !rules.blank.empty() || !rules.strip.empty())
      refuse(step.where, "a decoder after ByteLevel, Metaspace or Strip is not supported");
    const bool plain = !rules.byte_fallback && !fused;
    if (step.type == "ByteLevel" && steps.size() == 1) {
      rules.byte_level = true;
    } else if (step.type == "Replace" && plain) {
      const Json* pattern = find_value(own, "pattern", step.where);
      if (pattern && pattern->is_object() && pattern->contains("Regex"))
        refuse(step.where + ".pattern", "a regular expression in a decoder is not supported");
      rules.replace.push_back({read_pattern(own, step.where), read_string(own, "content", step.where)});
    } else if (step.type == "ByteFallback" && plain) {
      rules.byte_fallback = true;
    } else if (step.type == "Metaspace" && plain) {
      rules.blank = read_char(own, "replacement", step.where);
      rules.drops_first_blanks = read_prepend(own, step.where) != PreTokenizerStep::Prepend::never;
    } else if (step.type == "Fuse" && !fused) {
      fused = true;
    } else if (step.type == "Strip" && fused) {
      rules.strip = read_char(own, "content", step.where);
      rules.strip_count = read_int(own, "start", step.where, 0, limits::kPatternBytes);
      if (read_int(own, "stop", step.where, 0, limits::kPatternBytes) != 0)
        refuse(step.where + ".stop", "taking characters off the end is not supported");
    } else {
      refuse_type(step, "decoder",
                  "ByteLevel or Metaspace alone, or Replace, ByteFallback, Fuse and Strip in this order");
    }
  }
  return rules;
}

std::string read_first_token(const Json& json, const std::string& where) {
  std::string name;
  for (const Step& step : steps_of(json, where, "processors")) {
    if (step.type == "ByteLevel") continue;  // offsets only
    if (step.type != "TemplateProcessing")
      refuse_type(step, "post-processor", "TemplateProcessing, ByteLevel and Sequence");
    if (!name.empty()) refuse(step.where, "a second TemplateProcessing is not supported");
    name = first_of_template(*step.json, step.where);
  }
  return name;
}

}  // namespace llava::core
