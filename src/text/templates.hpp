// How a conversation is written down for a model, as a table: one row a template, columns for all that differs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

enum class TemplateStyle { single, two, mpt, llama_2, plain, none };

/// Where the images of a user message go.
enum class ImageRule {
  in_place,  // where their parts stand, a line break between an image and what is next to it
  first,     // all before the text
  own_turn,  // those of the first message in a turn of their own, answered by the assistant
  alone,     // a message with images is the images alone: its text is not written
  as_is      // where their parts stand, nothing between
};

struct Template {
  std::string_view key;
  std::vector<std::string_view> aliases;
  TemplateStyle style;
  std::string_view system_open;      // before the system text
  std::string_view system;           // used when the conversation brings none
  std::string_view user, assistant;  // role names; for mpt the whole opening of a turn
  std::string_view sep, sep2;
  std::vector<std::string_view> stops;  // text at which an answer ends, besides EOS
  ImageRule images;
  bool bos;                  // one BOS first
  std::string_view serving;  // key of the row that a model trained with this one is served with

  /// What stands around a turn, derived from style, roles and separators. A renderer needs nothing else.
  struct Layout {
    std::string system_open, system_close;
    bool system_in_first_turn = false;
    std::string between;  // before every user turn but the first
    std::string user_open, user_close;
    std::string assistant_open, assistant_gap, assistant_close;
  };
  Layout layout() const;
};

/// All rows. Source: LLaVA 1.2, llava/conversation.py; hf_llava_1_5: the chat template of llava-hf/llava-1.5-7b-hf.
const std::vector<Template>& templates();

/// The row with this key or alias. Throws Error(not_found) with the list of keys.
const Template& find_template(std::string_view name);

/// What is known of a checkpoint when no template was asked for.
struct TemplateHints {
  std::string name;           // of the model or its folder
  std::string chat_template;  // Jinja text, "" when the checkpoint has none; compared, never run
};

/// The row for a checkpoint: its chat template when the text is a known one; else by name ("llama-2", "mistral",
/// "v1.6-34b", "v1", "mpt", "v0", with mmtag for projector-only "plain" models); else llava_v1. `why`, when given,
/// receives one line that says which rule spoke. Source of the name rules: LLaVA 1.2, llava/serve/cli.py,
/// gradio_web_server.py.
const Template& choose_template(const TemplateHints& hints, std::string* why = nullptr);

}  // namespace llava::core
