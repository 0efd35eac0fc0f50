// include/llava/response.h
#include <llava/response.h>

#include <cmath>

#include "arguments.hpp"

using namespace llava::capi;
using llava::core::cat;

namespace {

// The answer at an index; there is one in this release.
const llava::core::Response& answer(const ResponseObject& object, int32_t index) {
  check_index(index, 1, "index");
  return object.response;
}

llava_usage usage_of(const llava::core::Response& response) {
  const auto& from = response.usage;
  llava_usage usage = {};
  usage.prompt_tokens = from.prompt_tokens;
  usage.image_tokens = from.image_tokens;
  usage.cached_tokens = from.cached_tokens;
  usage.completion_tokens = from.completion_tokens;
  usage.preprocess_ms = from.preprocess_ms;
  usage.encode_ms = from.encode_ms;
  usage.prompt_ms = from.prompt_ms;
  usage.prefill_ms = from.prefill_ms;
  usage.first_token_ms = from.first_token_ms;
  usage.decode_ms = from.decode_ms;
  usage.total_ms = from.total_ms;
  const auto decoded = static_cast<double>(from.completion_tokens - 1);
  usage.tokens_per_second = decoded > 0 && from.decode_ms > 0 ? decoded * 1000 / from.decode_ms : 0;
  return usage;
}

std::string number(double value) { return std::isfinite(value) ? cat(value) : "null"; }

std::string token_json(const llava::core::Tokenizer& tokenizer, int32_t id, float logprob) {
  return cat("\"id\":", id, ",\"token\":", json_quoted(id < tokenizer.size() ? tokenizer.piece(id) : ""),
             ",\"logprob\":", number(static_cast<double>(logprob)));
}

std::string logprobs_json(const ResponseObject& object) {
  const auto& tokenizer = *object.model->bundle->tokenizer;
  std::string text = "[";
  for (const auto& draw : object.response.logprobs) {
    std::string top;
    for (const auto& [id, logprob] : draw.top)
      top += cat(top.empty() ? "{" : ",{", token_json(tokenizer, id, logprob), "}");
    text += cat(text.size() > 1 ? "," : "", "{", token_json(tokenizer, draw.id, draw.logprob), ",\"top\":[", top, "]}");
  }
  return text + "]";
}

std::string response_json(const ResponseObject& object) {
  const auto& response = object.response;
  const auto usage = usage_of(response);
  std::string ids;
  for (const auto id : response.ids) ids += cat(ids.empty() ? "" : ",", id);
  const auto counts =
      cat("{\"prompt_tokens\":", usage.prompt_tokens, ",\"image_tokens\":", usage.image_tokens,
          ",\"cached_tokens\":", usage.cached_tokens, ",\"completion_tokens\":", usage.completion_tokens,
          ",\"total_tokens\":", usage.prompt_tokens + usage.completion_tokens, "}");
  const auto times =
      cat("{\"preprocess_ms\":", number(usage.preprocess_ms), ",\"encode_ms\":", number(usage.encode_ms),
          ",\"prompt_ms\":", number(usage.prompt_ms), ",\"prefill_ms\":", number(usage.prefill_ms),
          ",\"first_token_ms\":", number(usage.first_token_ms), ",\"decode_ms\":", number(usage.decode_ms),
          ",\"total_ms\":", number(usage.total_ms), ",\"tokens_per_second\":", number(usage.tokens_per_second), "}");
  const auto logprobs = response.logprobs.empty() ? "" : cat(",\"logprobs\":", logprobs_json(object));
  return cat(
      "{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":",
      json_quoted(response.text), "},\"finish_reason\":\"", finish_reason_name(response.reason), "\",\"token_ids\":[",
      ids, "]", logprobs, "}],\"usage\":", counts, ",\"timings\":", times,
      ",\"seed\":", static_cast<unsigned long long>(response.seed), "}");
}

}  // namespace

int32_t llava_response_count(const llava_response* response) {
  return guarded_value(0, [&] { return get(response, "response") ? 1 : 0; });
}

const char* llava_response_text(const llava_response* response, int32_t index) {
  return guarded_value("", [&] { return answer(*get(response, "response"), index).text.c_str(); });
}

const char* llava_response_text_n(const llava_response* response, int32_t index, size_t* size) {
  cleared(size);
  return guarded_value("", [&] {
    const auto& text = answer(*get(response, "response"), index).text;
    if (size) *size = text.size();
    return text.c_str();
  });
}

int32_t llava_response_finish_reason(const llava_response* response, int32_t index) {
  return guarded_value(-1, [&] { return static_cast<int32_t>(answer(*get(response, "response"), index).reason); });
}

const char* llava_finish_reason_name(int32_t reason) {
  if (reason < LLAVA_FINISH_STOP || reason > LLAVA_FINISH_TIMEOUT) return "";
  return finish_reason_name(static_cast<llava::core::FinishReason>(reason));
}

llava_status llava_response_tokens(const llava_response* response, int32_t index, int32_t* ids, size_t capacity,
                                   size_t* count) {
  return guarded(cleared(count), [&] {
    const auto object = get(response, "response");
    copy_out(std::span<const int32_t>(answer(*object, index).ids), ids, capacity, count, "count");
  });
}

llava_status llava_response_logprobs_json(const llava_response* response, int32_t index, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(response, "response");
    answer(*object, index);
    *out = new_string(logprobs_json(*object));
  });
}

int64_t llava_response_seed(const llava_response* response) {
  return guarded_value(int64_t{-1}, [&] { return static_cast<int64_t>(get(response, "response")->response.seed); });
}

llava_status llava_response_usage(const llava_response* response, llava_usage* out) {
  return guarded({}, [&] { fill_struct(out, usage_of(get(response, "response")->response), "llava_usage"); });
}

llava_status llava_response_to_json(const llava_response* response, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(response, "response");
    *out = new_string(response_json(*object));
  });
}

LLAVA_COUNTED(response)
