// The rule for blanks is sentencepiece's (0.2.1, SentencePieceProcessor::Decode): with a dummy prefix the "▁" that
// opens the first piece with text is dropped, once; with remove_extra_whitespaces, from every piece until there is
// text.
#include "text/detokenizer.hpp"

#include "base/error.hpp"
#include "text/utf8.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kBlank = "\xE2\x96\x81";  // U+2581

void append_with_blanks(std::string& out, std::string_view piece) {
  for (;;) {
    const size_t at = piece.find(kBlank);
    out.append(piece.substr(0, at));
    if (at == std::string_view::npos) return;
    out.push_back(' ');
    piece.remove_prefix(at + kBlank.size());
  }
}

}  // namespace

Detokenizer::Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool at_start)
    : tokenizer_(std::move(tokenizer)), expects_blank_(at_start) {
  if (tokenizer_->decoder_) json_ = tokenizer_->decoder_->start(at_start);
}

void Detokenizer::settle_bytes(std::string& out, bool at_end) {
  size_t done = 0;
  while (done < bytes_.size()) {
    const std::string_view rest = std::string_view(bytes_).substr(done);
    const int length = utf8_length(rest);
    if (length == 0 && !at_end) break;
    if (length > 0) {
      out.append(rest.substr(0, static_cast<size_t>(length)));
      done += static_cast<size_t>(length);
    } else {
      out.append(kReplacementCharacter);
      ++done;
    }
  }
  has_text_ = has_text_ || done > 0;
  bytes_.erase(0, done);
}

std::string Detokenizer::push(int32_t id) {
  if (ended_) throw Error(Status::state, "the decoder was flushed; make a new one for the next text");
  const Tokenizer::Entry& token = tokenizer_->entry(id);
  if (tokenizer_->decoder_)
    return token.kind == Tokenizer::Kind::special ? std::string() : tokenizer_->decoder_->push(json_, id);
  std::string out;
  if (token.kind == Tokenizer::Kind::byte) {
    bytes_.push_back(static_cast<char>(token.byte));
    settle_bytes(out, false);
    return out;
  }
  settle_bytes(out, true);
  if (dropped_blank_ || has_text_) expects_blank_ = false;
  dropped_blank_ = false;
  const size_t before = out.size();
  if (token.kind == Tokenizer::Kind::unknown) {
    out.append(tokenizer_->unk_surface_);
  } else if (token.kind == Tokenizer::Kind::text && !token.from_model) {
    out.append(token.text);
  } else if (token.kind == Tokenizer::Kind::text) {
    std::string_view piece = token.text;
    if (expects_blank_ && tokenizer_->strips_first_blank_ && piece.starts_with(kBlank)) {
      piece.remove_prefix(kBlank.size());
      dropped_blank_ = !tokenizer_->strips_all_blanks_;
    }
    append_with_blanks(out, piece);
  }
  has_text_ = has_text_ || out.size() > before;
  return out;
}

std::string Detokenizer::flush() {
  ended_ = true;
  if (tokenizer_->decoder_) return tokenizer_->decoder_->flush(json_);
  std::string out;
  settle_bytes(out, true);
  return out;
}

}  // namespace llava::core
