// adapter_config.json, as PEFT writes it beside the matrices of a LoRA.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_value.hpp"
#include "text/pattern.hpp"

namespace llava::core {

/// Scales that a call may ask for lie within ± this.
inline constexpr double kMostScale = 1e6;

struct AdapterConfig {
  int64_t rank = 8;
  double alpha = 8;
  bool root_rank = false;                                     // use_rslora: alpha / sqrt(rank)
  std::string bias = "none";                                  // "none", "all", "lora_only": told, the tensors decide
  std::optional<std::vector<std::string>> targets;            // target_modules as a list
  std::optional<Pattern> target_pattern;                      // as a regular expression
  bool all_linear = false;                                    // as "all-linear"; none of the three: whatever is there
  bool excludes = false;                                      // exclude_modules, which is not evaluated
  std::vector<int64_t> layers;                                // layers_to_transform; empty: all
  std::vector<std::pair<std::string, int64_t>> rank_pattern;  // the first name that fits a path counts
  std::vector<std::pair<std::string, double>> alpha_pattern;
  std::string base_model;  // base_model_name_or_path

  /// For the module at `path`, "model.layers.0.self_attn.q_proj" (without PEFT's "base_model.model.").
  int64_t rank_of(std::string_view path) const;
  double strength_of(std::string_view path) const;  // what B A is multiplied with

  /// Whether PEFT would have put matrices there: a name of the list fits the path's end, the expression the whole of it;
  /// "all-linear" is everything but the head. Throws Error(limit) for an expression that takes too long.
  bool targets_path(std::string_view path) const;

  /// Whether targets_path() tells which paths must have matrices.
  bool names_targets() const { return (targets || target_pattern || all_linear) && !excludes; }
  bool targets_layer(int64_t layer) const;
};

/// Reads what inference needs; dropout and settings of the training are passed over.
///
/// Throws Error(unsupported), naming all of them, for what would give other numbers: another peft_type, DoRA, aLoRA,
/// QALoRA, biases of the matrices, replicated layers, trainable token rows or parameters, initialisations that change the
/// base (PiSSA, OLoRA, LoftQ, CorDA), and regular expressions in rank_pattern and alpha_pattern; Error(format) for
/// wrong types and values. target_modules with what Python's expressions and ours (text/pattern) do not have in common is
/// told by the log and not evaluated: the tensors decide.
/// Source: PEFT 0.17, src/peft/tuners/lora/config.py and layer.py.
AdapterConfig parse_adapter_config(const Json& json, const std::string& where);

}  // namespace llava::core
