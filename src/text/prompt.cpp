// Pieces to ids. Runs are encoded whole, as the original does, so a token may cover the end of one piece and the
// beginning of the next; sentencepiece's byte spans say which pieces a token belongs to.
#include "text/prompt.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "text/render.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kImageMark = "<image>";

class PromptWriter {
 public:
  PromptWriter(const Tokenizer& tokenizer, const PromptOptions& options)
      : tokenizer_(tokenizer),
        marks_(options.image_marks),
        vocabulary_(std::max<int64_t>(options.vocabulary, tokenizer.size())) {}

  void begin() {
    if (tokenizer_.bos() >= 0) put(tokenizer_.bos(), false);
  }

  void text(const std::string& words, bool learned) {
    if (learned)
      spans_.push_back({static_cast<int64_t>(run_.size()), static_cast<int64_t>(run_.size() + words.size())});
    run_ += words;
    prompt_.text += words;
  }

  void mark(const std::string& name, bool learned) {
    const int32_t id = id_of(name);
    if (id < 0) {
      text(name, learned);
      return;
    }
    end_run();
    prompt_.text += name;
    const bool is_there = after_ids_ && learned && prompt_.ids.back() == id;
    if (!is_there) put(id, learned);
  }

  void image() {
    end_run();
    put_mark(marks_.begin);
    place();
    put_mark(marks_.end);
  }

  void raw(const std::vector<int64_t>& ids, bool learned) {
    end_run();
    for (const int64_t id : ids) {
      if (id == kImageToken) {
        place();
        continue;
      }
      if (id < 0 || id >= vocabulary_)
        throw Error(Status::argument, cat("token id ", id, ", this vocabulary has 0 to ", vocabulary_ - 1, ", and ",
                                          kImageToken, " for an image"));
      if (id < tokenizer_.size()) prompt_.text += text_of(static_cast<int32_t>(id));
      put(id, learned);
    }
    after_ids_ = !ids.empty();
  }

  Prompt finish() {
    end_run();
    return std::move(prompt_);
  }

 private:
  struct Span {
    int64_t begin, end;
  };

  std::string text_of(int32_t id) const {
    const int32_t one[] = {id};
    return tokenizer_.is_special(id) ? std::string(tokenizer_.piece(id)) : tokenizer_.decode(one);
  }

  int32_t id_of(const std::string& name) const {
    if (name == "<s>") return tokenizer_.bos();
    if (name == "</s>") return tokenizer_.eos();
    return tokenizer_.special_id(name);
  }

  void put(int64_t id, bool learned) {
    prompt_.ids.push_back(id);
    prompt_.learned.push_back(learned ? 1 : 0);
    after_ids_ = false;
  }

  void put_mark(int64_t id) {
    if (id < 0) return;
    put(id, false);
    prompt_.text += tokenizer_.piece(static_cast<int32_t>(id));
  }

  void place() {
    put(kImageToken, false);
    ++prompt_.images;
    prompt_.text += kImageMark;
  }

  bool is_learned(const TokenSpan& token) const {
    const int64_t end = std::max(token.end, token.begin + 1);  // byte tokens are empty: they stand for what follows
    return std::any_of(spans_.begin(), spans_.end(),
                       [&](const Span& span) { return token.begin < span.end && end > span.begin; });
  }

  void end_run() {
    for (const TokenSpan& token : tokenizer_.encode_spans(run_)) put(token.id, is_learned(token));
    run_.clear();
    spans_.clear();
  }

  const Tokenizer& tokenizer_;
  ImageMarks marks_;
  int64_t vocabulary_;
  Prompt prompt_;
  std::string run_;
  std::vector<Span> spans_;  // the learned bytes of run_
  bool after_ids_ = false;   // the last id came from raw ids
};

}  // namespace

Prompt build_prompt(const Tokenizer& tokenizer, const Template& row, const Conversation& conversation,
                    const PromptOptions& options) {
  PromptWriter writer(tokenizer, options);
  for (const PromptPiece& piece : prompt_pieces(row, conversation, options.open_assistant_turn)) {
    switch (piece.kind) {
      case PromptPiece::Kind::begin:
        writer.begin();
        break;
      case PromptPiece::Kind::text:
        writer.text(piece.text, piece.learned);
        break;
      case PromptPiece::Kind::mark:
        writer.mark(piece.text, piece.learned);
        break;
      case PromptPiece::Kind::image:
        writer.image();
        break;
      case PromptPiece::Kind::ids:
        writer.raw(piece.ids, piece.learned);
        break;
    }
  }
  return writer.finish();
}

std::vector<int32_t> stop_ids(const Tokenizer& tokenizer, const Template& row) {
  std::vector<int32_t> ids;
  if (tokenizer.eos() >= 0) ids.push_back(tokenizer.eos());
  for (const std::string_view stop : row.stops)
    if (const int32_t id = tokenizer.special_id(stop); id >= 0 && id != tokenizer.eos()) ids.push_back(id);
  return ids;
}

}  // namespace llava::core
