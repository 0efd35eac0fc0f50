// A Hugging Face tokenizer.json as plain values, read and checked by us: BPE with byte fallback (LLaMA, Mistral,
// Vicuna) or on bytes (GPT-2, LLaMA 3, Qwen 2). What the steps mean is what `tokenizers` 0.22 does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe.hpp"
#include "text/pattern.hpp"

namespace llava::core {

struct JsonAddedToken {
  int32_t id = 0;
  std::string text;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;  // looked for after the normalizer, its own text normalized too
  bool special = false;
};

struct NormalizerStep {
  enum class Kind : uint8_t { prepend, replace, nfc };
  Kind kind = Kind::nfc;
  std::optional<Pattern> pattern;  // of replace
  std::string text;                // what is put in
};

struct PreTokenizerStep {
  enum class Kind : uint8_t { split, metaspace, byte_level };
  enum class Behavior : uint8_t { isolated, removed, merged_with_previous, merged_with_next, contiguous };
  enum class Prepend : uint8_t { always, first, never };
  Kind kind = Kind::split;
  std::optional<Pattern> pattern;  // of split; of byte_level where it has one
  Behavior behavior = Behavior::isolated;
  bool invert = false;  // split by what does not match
  std::string blank;    // metaspace: what stands for " "
  Prepend prepend = Prepend::never;
  bool splits = true;       // metaspace: a word begins at each blank
  bool adds_blank = false;  // byte_level: a word without a blank in front gets one
};

struct DecoderRules {
  struct Replacement {
    Pattern pattern;
    std::string text;
  };
  bool byte_level = false;
  bool byte_fallback = false;        // "<0x0A>" is a byte; a run of them that is no UTF-8 gives U+FFFD for each
  std::vector<Replacement> replace;  // in every token, in this order
  std::string blank;                 // metaspace: gives " "; "" when there is no such step
  bool drops_first_blanks = false;   // metaspace: in the first token it gives nothing
  std::string strip;                 // at most strip_count of these are taken off the front of the whole text
  int64_t strip_count = 0;
};

struct TokenizerJson {
  std::vector<std::string> tokens;    // by id: the model's, then the added ones; no holes
  int32_t model_size = 0;             // of the model alone
  std::vector<JsonAddedToken> added;  // in the order of the file
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer;
  DecoderRules decoder;
  std::vector<BpeMerge> merges;
  int32_t unknown = -1;
  int32_t bos = -1;  // what the post-processor puts first; -1: nothing
  bool fuse_unknown = false;
  bool byte_fallback = false;
  bool byte_level = false;  // words are bytes: the pre-tokenizer ends with ByteLevel
  bool ignore_merges = false;
};

/// Reads and checks a whole file. `where` opens every message; the JSON path of what is wrong follows.
///
/// Refused: a model that is not BPE, or with dropout, prefixes or suffixes; any component, option or order of
/// components other than those above (Error(unsupported), by name); token ids with holes or doubles; empty tokens,
/// tokens with NUL or longer than limits::kTokenizerTokenBytes; merges of unknown tokens; byte fallback or byte level
/// without all 256 bytes; added tokens whose ids contradict the vocabulary or leave a gap. Truncation and padding are
/// not looked at. Throws Error(format | unsupported | limit).
TokenizerJson read_tokenizer_json(std::string_view text, const std::string& where);

}  // namespace llava::core
