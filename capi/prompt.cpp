// include/llava/tokenizer.h: templates and prompts.
#include <llava/tokenizer.h>

#include <limits>

#include "arguments.hpp"
#include "base/limits.hpp"
#include "options_calls.hpp"
#include "text/prompt.hpp"
#include "text/render.hpp"
#include "text/templates.hpp"

using namespace llava::capi;
using llava::core::Conversation;
using llava::core::Part;
using llava::core::Template;
namespace limits = llava::core::limits;

namespace {

// What the functions of this file start from: checked messages and the row of the table.
struct Dialogue {
  std::shared_ptr<ModelObject> model;
  const Template* row = nullptr;
  Conversation conversation;
  int64_t image_rows = 0;  // positions of all pictures
  int64_t images = 0;
  bool open_turn = true;

  llava::core::Prompt prompt() const {
    return build_prompt(*model->bundle->tokenizer, *row, conversation, {open_turn, model->bundle->marks_for(*row)});
  }
};

void add_message(Dialogue& dialogue, const MessageObject& message) {
  auto& to = dialogue.conversation.messages.emplace_back();
  to.role = static_cast<llava::core::Role>(message.role);
  const auto& bundle = *dialogue.model->bundle;
  for (auto& part : message.snapshot()) {
    if (part.embedding) check_embedding(*part.embedding, bundle, "an embedding of a message");
    const bool picture = part.image || part.embedding;
    dialogue.images += picture;
    if (part.image) dialogue.image_rows += bundle.image_tokens(part.image->picture->width, part.image->picture->height);
    if (part.embedding) dialogue.image_rows += part.embedding->rows->rows_PD.size(0);
    to.parts.push_back(picture ? Part::image() : Part::words(std::move(part.text)));
  }
}

Dialogue read_dialogue(const llava_model* model, const llava_message* const* messages, int32_t count,
                       const llava_template_options* options) {
  Dialogue dialogue;
  dialogue.model = get(model, "model");
  const auto settings = read_options(options);
  const auto list = list_argument(messages, count, "messages", "count", 1, limits::kPartsPerMessage);
  dialogue.row = settings.template_name ? &llava::core::find_template(settings.template_name)
                                        : dialogue.model->bundle->chat_template;
  dialogue.open_turn = settings.generation_prompt != 0;
  if (settings.system) dialogue.conversation.system = settings.system;
  for (size_t i = 0; i < list.size(); ++i)
    add_message(dialogue, *get(list[i], llava::core::cat("messages[", i, "]").c_str()));
  return dialogue;
}

}  // namespace

LLAVA_OPTIONS(template)

int32_t llava_template_count(void) {
  return guarded_value(0, [] { return static_cast<int32_t>(llava::core::templates().size()); });
}

const char* llava_template_name(int32_t index) {
  return guarded_value("", [&] {
    const auto& rows = llava::core::templates();
    check_index(index, static_cast<int64_t>(rows.size()), "index");
    return rows[static_cast<size_t>(index)].key.data();  // a literal: ends with NUL
  });
}

llava_status llava_apply_template(const llava_model* model, const llava_message* const* messages, int32_t count,
                                  const llava_template_options* options, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto dialogue = read_dialogue(model, messages, count, options);
    *out = new_string(render(*dialogue.row, dialogue.conversation, dialogue.open_turn));
  });
}

llava_status llava_prompt_ids(const llava_model* model, const llava_message* const* messages, int32_t count,
                              const llava_template_options* options, int32_t* ids, size_t capacity, size_t* id_count) {
  return guarded(cleared(id_count), [&] {
    const auto prompt = read_dialogue(model, messages, count, options).prompt();
    const std::vector<int32_t> narrow(prompt.ids.begin(), prompt.ids.end());
    copy_out(std::span<const int32_t>(narrow), ids, capacity, id_count, "id_count");
  });
}

llava_status llava_count_tokens(const llava_model* model, const llava_message* const* messages, int32_t count,
                                int64_t* tokens) {
  return guarded(cleared(tokens), [&] {
    required(tokens, "tokens");
    const auto dialogue = read_dialogue(model, messages, count, nullptr);
    *tokens = static_cast<int64_t>(dialogue.prompt().ids.size()) - dialogue.images + dialogue.image_rows;
  });
}
