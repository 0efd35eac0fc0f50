// The original's rules for prompts and masks, quirks and all: a prompt is written as one string, cut into rounds by text,
// and lengths of separately encoded pieces say what is learned. For runs that must repeat a published one; the rule
// "spans" of data/sample is the better choice for everything else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/record.hpp"
#include "data/upstream_tokens.hpp"
#include "text/templates.hpp"

namespace llava::core {

inline constexpr int64_t kIgnored = -100;  // a label that is not learned; LLaVA's IGNORE_INDEX

/// Releases whose rules differ.
enum class UpstreamVersion {
  v1_1,  // to 1.2.0, all of LLaVA-1.5: no correction for tokenizers that are not legacy; MPT counts from 0
  head   // since 879ef31 (January 2024)
};

struct UpstreamRules {
  UpstreamVersion version = UpstreamVersion::head;
  int64_t max_length = 0;  // tokens of a text-only sample, cut while tokenising; 0 = no bound
};

struct LabelledIds {
  std::vector<int64_t> ids;     // kImageToken at each image place
  std::vector<int64_t> labels;  // as long; an id, or kIgnored
  bool mismatch = false;        // lengths disagreed: the original drops the sample with a warning, all labels kIgnored
  std::string note;             // "tokenization mismatch: 41 vs. 43"
};

/// `turns` as they are to stand, placeholders moved already; `images` as the record's key says, not the text.
///
///   plain                        preprocess_plain: caption and "\n" are learned, the question is dropped
///   vicuna_v1, llava_v1, …       preprocess_v1: rounds end with "</s>"
///   llama_2, mistral_instruct …  preprocess_llama_2
///   mpt, chatml_direct           preprocess_mpt
///   v0, llava_v0                 the default branch: "### Human: …\n"; separators are learned too
///
/// Throws Error(unsupported) for a row the original does not have, RecordError(text) where the original would stop.
/// Source: LLaVA c121f04, llava/train/train.py, preprocess and the functions it calls.
LabelledIds upstream_labels(const UpstreamTokens& tokens, const Template& row, const Record& record,
                            const std::vector<RecordTurn>& turns, const UpstreamRules& rules);

/// True for rows that upstream_labels() knows.
bool is_upstream_template(const Template& row) noexcept;

}  // namespace llava::core
