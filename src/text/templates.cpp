// The table. Texts are the published ones to the letter (a missing blank in the mmtag system text and two blanks after
// "safe." are theirs): a model answers well only to what it was trained on.
#include "text/templates.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kHuman =
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the human's questions.";
constexpr std::string_view kUser =
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions.";
constexpr std::string_view kMmtag =
    "A chat between a curious user and an artificial intelligence assistant. The assistant is able to understand the "
    "visual content that the user provides, and assist the user with a variety of tasks using natural language.The "
    "visual content will be provided with the following format: <Image>visual content</Image>.";
constexpr std::string_view kVision =
    "You are a helpful language and vision assistant. You are able to understand the visual content that the user "
    "provides, and assist the user with a variety of tasks using natural language.";
constexpr std::string_view kLlama2 =
    "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, while being safe.  "
    "Your answers should not include any harmful, unethical, racist, sexist, toxic, dangerous, or illegal content. "
    "Please ensure that your responses are socially unbiased and positive in nature.\n\nIf a question does not make "
    "any sense, or is not factually coherent, explain why instead of answering something not correct. If you don't "
    "know the answer to a question, please don't share false information.";
constexpr std::string_view kMpt =
    "A conversation between a user and an LLM-based AI assistant. The assistant gives helpful and honest answers.";
constexpr std::string_view kChatml = "Answer the questions.";
constexpr std::string_view kSystemTurn = "<|im_start|>system\n";
constexpr std::string_view kUserTurn = "<|im_start|>user\n";
constexpr std::string_view kAssistantTurn = "<|im_start|>assistant\n";

using Style = TemplateStyle;
using Images = ImageRule;

// clang-format off
std::vector<Template> make_table() {
  const std::string_view s = kSystemTurn, u = kUserTurn, a = kAssistantTurn, end = "<|im_end|>";
  // v0's published row opens with two seed turns about energy for text-only Vicuna-v0; a LLaVA is never given them.
  return {
    //key               aliases                      style           before  system   roles                 sep    sep2    stops    images            bos   serving
    {"v0",              {},                          Style::single,  "", kHuman,  "Human", "Assistant", "###", "",     {"###"}, Images::in_place, true, "llava_v0"},
    {"vicuna_v1",       {"v1", "vicuna"},            Style::two,     "", kUser,   "USER",  "ASSISTANT", " ",   "</s>", {},      Images::in_place, true, "llava_v1"},
    {"llava_v1",        {"llava", "default"},        Style::two,     "", kHuman,  "USER",  "ASSISTANT", " ",   "</s>", {},      Images::in_place, true, "llava_v1"},
    {"llava_v0",        {},                          Style::single,  "", kHuman,  "Human", "Assistant", "###", "",     {"###"}, Images::in_place, true, "llava_v0"},
    {"v0_mmtag",        {},                          Style::single,  "", kMmtag,  "Human", "Assistant", "###", "",     {"###"}, Images::own_turn, true, "v0_mmtag"},
    {"v1_mmtag",        {},                          Style::two,     "", kMmtag,  "USER",  "ASSISTANT", " ",   "</s>", {},      Images::own_turn, true, "v1_mmtag"},
    {"llama_2",         {"llama-2"},                 Style::llama_2, "", kLlama2, "USER",  "ASSISTANT", "<s>", "</s>", {},      Images::in_place, true, "llava_llama_2"},
    {"llava_llama_2",   {},                          Style::llama_2, "", kVision, "USER",  "ASSISTANT", "<s>", "</s>", {},      Images::in_place, true, "llava_llama_2"},
    {"mistral_instruct", {"mistral"},                Style::llama_2, "", "",      "USER",  "ASSISTANT", "",    "</s>", {},      Images::in_place, true, "mistral_instruct"},
    {"mpt",             {},                          Style::mpt,     s,  kMpt,    u,       a,           end,   "",     {end},   Images::in_place, true, "mpt"},
    {"chatml_direct",   {"mistral_direct", "chatml"}, Style::mpt,    s,  kChatml, u,       a,           end,   "",     {end},   Images::in_place, true, "chatml_direct"},
    {"plain",           {},                          Style::plain,   "", "",      "",      "",          "\n",  "",     {"\n"},  Images::alone,    true, "v1_mmtag"},
    {"v0_plain",        {},                          Style::plain,   "", "",      "",      "",          "\n",  "",     {"\n"},  Images::alone,    true, "v0_mmtag"},
    {"hf_llava_1_5",    {"hf", "llava-hf"},          Style::two,     "", "",      "USER",  "ASSISTANT", " ",   " ",    {},      Images::first,    true, "hf_llava_1_5"},
    {"none",            {"raw"},                     Style::none,    "", "",      "",      "",          "",    "",     {},      Images::as_is,    true, "none"},
  };
}
// clang-format on

}  // namespace

const std::vector<Template>& templates() {
  // never destroyed: a thread of the host may still be answering while its main thread exits
  static const auto& table = *new std::vector<Template>(make_table());
  return table;
}

const Template& find_template(std::string_view name) {
  std::string keys;
  for (const Template& row : templates()) {
    if (row.key == name || std::find(row.aliases.begin(), row.aliases.end(), name) != row.aliases.end()) return row;
    keys += keys.empty() ? "" : ", ";
    keys += row.key;
  }
  throw Error(Status::not_found, cat("no template \"", name.substr(0, 80), "\"; there are ", keys))
      .with("templates", static_cast<int64_t>(templates().size()));
}

Template::Layout Template::layout() const {
  Layout out;
  const auto text = [](std::string_view a, std::string_view b = {}) { return std::string(a).append(b); };
  switch (style) {
    case Style::single:
    case Style::two:
      out.system_open = system_open;
      out.system_close = out.user_close = sep;
      out.user_open = text(user, ": ");
      out.assistant_open = text(assistant, ":");
      out.assistant_gap = ' ';
      out.assistant_close = style == Style::single ? sep : sep2;
      return out;
    case Style::mpt:
      out.system_open = system_open;
      out.system_close = out.user_close = out.assistant_close = sep;
      out.user_open = user;
      out.assistant_open = assistant;
      return out;
    case Style::llama_2:
      out.system_in_first_turn = true;
      out.system_open = "<<SYS>>\n";
      out.system_close = "\n<</SYS>>\n\n";
      out.between = sep;  // the first one is stripped: the tokenizer's BOS stands there
      out.user_open = "[INST] ";
      out.user_close = " [/INST]";
      out.assistant_gap = ' ';
      out.assistant_close = text(" ", sep2);
      return out;
    case Style::plain:
      out.user_close = out.assistant_close = sep;
      return out;
    case Style::none:
      return out;
  }
  return out;
}

}  // namespace llava::core
