// What a single question and an interactive dialogue share.
#pragma once

#include <nlohmann/json.hpp>

#include "common.hpp"

namespace llava_cli {

struct ChatArguments {
  ModelArguments model;
  std::vector<std::string> images;
  std::string prompt, ids, system, history;
  bool has_prompt = false, has_system = false, greedy = false, json = false;
  int32_t max_tokens = -1, top_k = -1;
  float temperature = -1, top_p = -1, min_p = 0, repetition_penalty = -1;
  int64_t seed = -1, timeout_ms = -1;
  std::vector<std::string> stop, bias;
  std::vector<std::pair<int32_t, float>> logit_bias;  // of `bias`
};

llava::ChatOptions chat_options(const ChatArguments& arguments);
llava::Session new_session(const llava::Model& model, const ChatArguments& arguments);

/// Prints the words as they come and hands out the answer.
llava::Response print_stream(llava::Stream stream);

/// {"text": …, "token_ids": …, "finish_reason": …, "usage": …, "timings": …, "seed": …}
nlohmann::ordered_json response_json(const llava::Response& response);

/// A dialogue until /quit or the end of input. `first` are pictures for the first question.
void run_interactive(const llava::Model& model, const ChatArguments& arguments, std::vector<llava::Image> first);

}  // namespace llava_cli
