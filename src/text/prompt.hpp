// From a conversation to what the model reads: token ids with a place for each image, and which of them are learned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/conversation.hpp"
#include "text/templates.hpp"
#include "text/tokenizer.hpp"

namespace llava::core {

inline constexpr int64_t kImageToken = -200;  // LLaVA's IMAGE_TOKEN_INDEX

struct Prompt {
  std::vector<int64_t> ids;      // kImageToken at each image place
  std::vector<uint8_t> learned;  // as long as ids; 1 on the assistant's words and end marks (rule "spans")
  int32_t images = 0;            // places
  std::string text;              // as rendered, "<image>" at the places; for people, never to be tokenised again
};

/// Ids that stand around every picture (mm_use_im_start_end: <im_start> and <im_end>); -1 = none.
struct ImageMarks {
  int64_t begin = -1;
  int64_t end = -1;
};

struct PromptOptions {
  bool open_assistant_turn = true;
  ImageMarks image_marks = {};
  int64_t vocabulary = 0;  // raw ids lie below it: rows the model has beyond the tokenizer; 0 = the tokenizer's own
};

/// The prompt of a conversation. One BOS first (Template::bos); then every longest run of text between image places,
/// special ids and raw ids is encoded in one go, with sentencepiece's blank before each run. Only the template's own
/// marks and the image marks become special ids ("</s>", "<s>"; "<|im_start|>", "<|im_end|>" where the tokenizer has
/// them, else they are text); typed ones stay text. An end mark that raw ids of the answer already end with is not
/// written twice.
///
/// A token is learned when it stands for at least one byte of what the assistant says after "ASSISTANT:", its blank and
/// its end mark included; the blank that separates turns under hf_llava_1_5 is not an end mark.
/// Throws as prompt_pieces() does, and Error(argument) for raw ids that are neither kImageToken nor in the vocabulary.
/// Source: LLaVA c121f04, llava/mm_utils.py, tokenizer_image_token.
Prompt build_prompt(const Tokenizer& tokenizer, const Template& row, const Conversation& conversation,
                    const PromptOptions& options = {});

/// Ids that end an answer: EOS, and the row's stop marks where the tokenizer has them as special tokens.
std::vector<int32_t> stop_ids(const Tokenizer& tokenizer, const Template& row);

}  // namespace llava::core
