// One renderer for all rows: it walks the turns and writes what Template::layout() puts around them.
#include "text/render.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kImageOpen = "<Image>", kImageClose = "</Image>", kReceived = "Received.";

class PieceList {
 public:
  /// Text of a person or of the model: literal.
  void words(std::string_view text, bool learned) {
    if (text.empty()) return;
    if (pieces_.empty() || pieces_.back().kind != PromptPiece::Kind::text || pieces_.back().learned != learned)
      pieces_.push_back({PromptPiece::Kind::text, {}, {}, learned});
    pieces_.back().text.append(text);
  }

  /// Text of the template: its marks become marks.
  void own(std::string_view text, bool learned) {
    constexpr std::array<std::string_view, 4> kMarks = {"<s>", "</s>", "<|im_start|>", "<|im_end|>"};
    size_t begin = 0;
    for (size_t at = 0; at < text.size(); ++at) {
      const auto rest = text.substr(at);
      const auto mark = std::find_if(kMarks.begin(), kMarks.end(), [&](auto name) { return rest.starts_with(name); });
      if (mark == kMarks.end()) continue;
      words(text.substr(begin, at - begin), learned);
      pieces_.push_back({PromptPiece::Kind::mark, std::string(*mark), {}, learned});
      begin = at + mark->size();
      at = begin - 1;
    }
    words(text.substr(begin), learned);
  }

  void begin() { pieces_.push_back({PromptPiece::Kind::begin, {}, {}, false}); }
  void image() { pieces_.push_back({PromptPiece::Kind::image, {}, {}, false}); }
  void ids(const std::vector<int64_t>& ids, bool learned) {
    pieces_.push_back({PromptPiece::Kind::ids, {}, ids, learned});
  }
  std::vector<PromptPiece> take() { return std::move(pieces_); }

 private:
  std::vector<PromptPiece> pieces_;
};

bool has_image(const Message& message) {
  return std::any_of(message.parts.begin(), message.parts.end(),
                     [](const Part& part) { return part.kind == Part::Kind::image; });
}

bool is_empty(const Part& part) {
  return (part.kind == Part::Kind::text && part.text.empty()) || (part.kind == Part::Kind::ids && part.ids.empty());
}

void check_message(const Message& message, size_t index) {
  const auto count = static_cast<int64_t>(message.parts.size());
  if (count > limits::kPartsPerMessage)
    throw Error(Status::limit, cat("message ", index, " has ", count, " parts, at most ", limits::kPartsPerMessage));
  for (const Part& part : message.parts)
    if (static_cast<int64_t>(part.text.size()) > limits::kTextPartBytes)
      throw Error(Status::limit, cat("message ", index, " has a text of ", part.text.size(), " bytes, at most ",
                                     limits::kTextPartBytes));
  if (message.role != Role::user && has_image(message))
    throw Error(Status::argument, cat("message ", index, " has an image; images stand in user messages only"));
}

/// A user message that brings its own ids and nothing else.
bool is_raw(const Message& message) {
  const auto is_ids = [](const Part& part) { return part.kind == Part::Kind::ids; };
  return message.role == Role::user && !message.parts.empty() &&
         std::all_of(message.parts.begin(), message.parts.end(), is_ids);
}

std::string text_of(const Message& message) {
  std::string text;
  for (const Part& part : message.parts) {
    if (part.kind == Part::Kind::ids) throw Error(Status::argument, "a system message has text only");
    text += part.text;
  }
  return text;
}

class Renderer {
 public:
  explicit Renderer(const Template& row) : row_(row), layout_(row.layout()) {}

  std::vector<PromptPiece> run(const Conversation& conversation, bool open_turn) {
    std::string system(conversation.system.value_or(std::string(row_.system)));
    size_t first = 0;
    if (!conversation.messages.empty() && conversation.messages[0].role == Role::system) {
      if (conversation.system) throw Error(Status::argument, "the conversation has two system texts");
      check_message(conversation.messages[0], 0);
      system = text_of(conversation.messages[0]);
      first = 1;
    }
    if (static_cast<int64_t>(system.size()) > limits::kTextPartBytes)
      throw Error(Status::limit, cat("a system text of ", system.size(), " bytes, at most ", limits::kTextPartBytes));
    const bool raw = first < conversation.messages.size() && is_raw(conversation.messages[first]);
    if (row_.bos && (!raw || row_.style == TemplateStyle::none)) list_.begin();
    if (!layout_.system_in_first_turn && !raw) write_system(system);
    for (size_t i = first; i < conversation.messages.size(); ++i) {
      const Message& message = conversation.messages[i];
      check_message(message, i);
      check_role(message, i, i - first);
      if (message.role == Role::assistant) {
        write_assistant(message);
      } else {
        write_user(message, i == first, system);
      }
    }
    if (open_turn) write_opening(conversation, first);
    return list_.take();
  }

 private:
  void check_role(const Message& message, size_t index, size_t turn) const {
    const Role expected = turn % 2 == 0 ? Role::user : Role::assistant;
    if (message.role == expected || row_.style == TemplateStyle::none) return;
    throw Error(Status::argument,
                cat("message ", index, " should be the ", expected == Role::user ? "user" : "assistant",
                    "'s: they take turns, the user first"));
  }

  void write_opening(const Conversation& conversation, size_t first) {
    const bool to_answer = conversation.messages.size() > first && conversation.messages.back().role == Role::user;
    if (!to_answer && row_.style != TemplateStyle::none)
      throw Error(Status::argument, "an answer can be opened only after a user message");
    if (!raw_turn_) list_.own(layout_.assistant_open, false);
  }

  void write_system(const std::string& system) {
    if (system.empty()) return;
    list_.own(layout_.system_open, false);
    list_.words(system, false);
    list_.own(layout_.system_close, false);
  }

  void write_user(const Message& message, bool is_first, const std::string& system) {
    raw_turn_ = is_raw(message);
    if (raw_turn_) {
      for (const Part& part : message.parts) list_.ids(part.ids, false);
      return;
    }
    const bool image = has_image(message);
    const bool apart = is_first && image && row_.images == ImageRule::own_turn;
    if (apart) write_image_turn(message);
    if (!is_first) list_.own(layout_.between, false);
    list_.own(layout_.user_open, false);
    if (is_first && layout_.system_in_first_turn) write_system(system);
    if (row_.images == ImageRule::first) {
      write_images_first(message);
      return;
    }
    const bool alone = image && row_.images == ImageRule::alone;
    write_body(message, !apart, !alone);
    if (!alone) list_.own(layout_.user_close, false);
  }

  /// In the order of the parts, a line break between an image and what is beside it.
  void write_body(const Message& message, bool images, bool texts) {
    const bool breaks = row_.images == ImageRule::in_place || row_.images == ImageRule::own_turn;
    const Part* before = nullptr;
    bool only_images = true;
    for (const Part& part : message.parts) {
      const bool is_image = part.kind == Part::Kind::image;
      if (is_empty(part) || !(is_image ? images : texts)) continue;
      const bool beside_image = before != nullptr && (is_image || before->kind == Part::Kind::image);
      const bool beside_ids = before != nullptr && (part.kind == Part::Kind::ids || before->kind == Part::Kind::ids);
      if (breaks && beside_image && !beside_ids) list_.words("\n", false);
      write_part(part);
      only_images = only_images && is_image;
      before = &part;
    }
    if (breaks && before != nullptr && only_images) list_.words("\n", false);
  }

  void write_part(const Part& part) {
    if (part.kind == Part::Kind::image) {
      write_image();
    } else if (part.kind == Part::Kind::ids) {
      list_.ids(part.ids, false);
    } else {
      list_.words(part.text, false);
    }
  }

  void write_image() {
    const bool wrapped = row_.images == ImageRule::own_turn;
    if (wrapped) list_.words(kImageOpen, false);
    list_.image();
    if (wrapped) list_.words(kImageClose, false);
  }

  void write_images_first(const Message& message) {
    for (const Part& part : message.parts) {
      if (part.kind != Part::Kind::image) continue;
      list_.image();
      list_.words("\n", false);
    }
    for (const Part& part : message.parts) {
      if (part.kind == Part::Kind::image || is_empty(part)) continue;
      write_part(part);
      if (part.kind == Part::Kind::text) list_.own(layout_.user_close, false);
    }
  }

  void write_image_turn(const Message& message) {
    list_.own(layout_.user_open, false);
    for (const Part& part : message.parts)
      if (part.kind == Part::Kind::image) write_image();
    list_.own(layout_.user_close, false);
    list_.own(layout_.assistant_open, false);
    list_.words(layout_.assistant_gap, false);
    list_.words(kReceived, false);
    list_.own(layout_.assistant_close, false);
  }

  void write_assistant(const Message& message) {
    if (!raw_turn_) list_.own(layout_.assistant_open, false);
    const auto first = std::find_if_not(message.parts.begin(), message.parts.end(), is_empty);
    const bool from_ids = first != message.parts.end() && first->kind == Part::Kind::ids;
    if (!from_ids && !raw_turn_) list_.words(layout_.assistant_gap, true);
    bool ends_in_ids = false;
    for (const Part& part : message.parts) {
      if (is_empty(part)) continue;
      ends_in_ids = part.kind == Part::Kind::ids;
      if (ends_in_ids) list_.ids(part.ids, true);
      if (!ends_in_ids) list_.words(part.text, true);
    }
    std::string_view close = layout_.assistant_close;
    const bool is_mark = close != " ";  // a blank separates turns and is not learned
    if (ends_in_ids && is_mark && close.starts_with(' ')) close.remove_prefix(1);
    list_.own(close, is_mark);
  }

  const Template& row_;
  Template::Layout layout_;
  PieceList list_;
  bool raw_turn_ = false;  // the turn at hand was opened by a raw user message
};

}  // namespace

std::vector<PromptPiece> prompt_pieces(const Template& row, const Conversation& conversation, bool open_turn) {
  return Renderer(row).run(conversation, open_turn);
}

std::string render(const Template& row, const Conversation& conversation, bool open_turn) {
  std::string text;
  for (const PromptPiece& piece : prompt_pieces(row, conversation, open_turn)) {
    switch (piece.kind) {
      case PromptPiece::Kind::begin:
        break;
      case PromptPiece::Kind::text:
      case PromptPiece::Kind::mark:
        text += piece.text;
        break;
      case PromptPiece::Kind::image:
        text += "<image>";
        break;
      case PromptPiece::Kind::ids:
        text += cat("[", piece.ids.size(), " ids]");
        break;
    }
  }
  return text;
}

}  // namespace llava::core
