// The tokenizer of either kind, and the only file that talks to sentencepiece. It is fenced: the model's bytes are read
// and checked by us and written anew (sentencepiece_model.hpp); LoadOrDie is never called; nothing that logs can be
// reached (its messages at load are for unknown model types, failed self-tests and a trie that cannot be built, all
// ruled out before), so the process-wide log level is not touched. Decoding is ours (detokenizer.hpp), since it must
// work token by token anyway.
#include "text/tokenizer.hpp"

#include <sentencepiece_processor.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/limits.hpp"
#include "text/byte_level.hpp"
#include "text/detokenizer.hpp"
#include "text/marks.hpp"
#include "text/sentencepiece_model.hpp"
#include "text/utf8.hpp"

namespace llava::core {
namespace {

constexpr int64_t kRunBytes = 16 * limits::kTextPartBytes;  // a run joins the parts of a whole conversation
constexpr std::string_view kProbe = "A probe: 12 words, \xC3\xA9, \xE5\xAD\x97\nand a line.";

/// Makes control pieces of those that the checkpoint declares special, so that sentencepiece cannot find them in text.
void fence_added(SentencePieceModel& model, const std::vector<AddedToken>& added, const std::string& where) {
  for (const AddedToken& token : added) {
    if (!token.special || token.id < 0 || token.id >= static_cast<int64_t>(model.pieces.size())) continue;
    ModelPiece& piece = model.pieces[token.id];
    if (piece.kind == PieceKind::control || piece.kind == PieceKind::unknown) continue;
    if (piece.kind == PieceKind::byte || utf8_length(piece.text) == static_cast<int>(piece.text.size()))
      throw Error(Status::format,
                  cat(where, ": added token ", token.id, " \"", piece.text, "\" cannot be special: text needs it"));
    piece.kind = PieceKind::control;
  }
}

// Memory that sentencepiece needs to load a model, in bytes for each byte of it (measured with a margin of two: 32 000
// pieces in 500 kB take 7 MB).
constexpr size_t kLoadFactor = 32;

// Takes and gives back so many bytes in small blocks, as sentencepiece will ask for them: throws bad_alloc here, where
// it does no harm. In protobuf, which destroys the message it was filling, it would end the process.
void ensure_memory(size_t bytes) {
  constexpr size_t kBlock = 4096;
  std::vector<std::unique_ptr<char[]>> blocks(bytes / kBlock + 1);
  for (auto& block : blocks) block = std::make_unique_for_overwrite<char[]>(kBlock);
}

}  // namespace

struct Tokenizer::Library {
  sentencepiece::SentencePieceProcessor processor;
};

Tokenizer::Tokenizer() = default;
Tokenizer::~Tokenizer() = default;

std::shared_ptr<const Tokenizer> Tokenizer::from_file(const std::string& path, const std::vector<AddedToken>& added) {
  return from_bytes(read_file(path, limits::kTokenizerModelBytes), path, added);
}

std::shared_ptr<const Tokenizer> Tokenizer::from_bytes(std::string_view serialized, std::string_view where,
                                                       const std::vector<AddedToken>& added) {
  const std::string place(where);
  SentencePieceModel model = read_model(serialized, place);
  const auto size = static_cast<int32_t>(model.pieces.size());
  fence_added(model, added, place);
  for (ModelPiece& piece : model.pieces)
    if (piece.kind == PieceKind::user_defined && is_mark(piece.text)) piece.kind = PieceKind::control;

  std::shared_ptr<Tokenizer> tokenizer(new Tokenizer);
  tokenizer->library_ = std::make_unique<Library>();
  const auto checked = write_model(model);
  ensure_memory(kLoadFactor * checked.size());
  const auto status = tokenizer->library_->processor.LoadFromSerializedProto(checked);
  if (!status.ok()) throw Error(Status::format, cat(place, ": ", status.error_message()));
  if (tokenizer->library_->processor.GetPieceSize() != size)
    throw Error(Status::format, cat(place, ": pieces were lost on loading"));
  tokenizer->model_size_ = size;
  tokenizer->bos_ = model.bos;
  tokenizer->eos_ = model.eos;
  tokenizer->unk_ = model.unk;
  tokenizer->pad_ = model.pad;
  tokenizer->unk_surface_ = model.unk_surface.substr(0, model.unk_surface.find('\0'));  // as sentencepiece reads it
  tokenizer->strips_first_blank_ = model.add_dummy_prefix || model.remove_extra_blanks;
  tokenizer->strips_all_blanks_ = model.remove_extra_blanks;
  tokenizer->keeps_any_text_ = model.byte_fallback && model.normalizer_map.empty();
  tokenizer->entries_.reserve(model.pieces.size() + added.size());
  for (ModelPiece& piece : model.pieces) {
    Entry entry{std::move(piece.text), Kind::text, 0, true};
    if (piece.kind == PieceKind::control) entry.kind = Kind::special;
    if (piece.kind == PieceKind::unknown) entry.kind = Kind::unknown;
    if (piece.kind == PieceKind::byte)
      entry.kind = Kind::byte, entry.byte = static_cast<uint8_t>(byte_of_name(entry.text));
    tokenizer->entries_.push_back(std::move(entry));
  }
  for (const AddedToken& token : added) tokenizer->add(token, place);
  tokenizer->probe(place);
  return tokenizer;
}

void Tokenizer::add(const AddedToken& token, const std::string& where) {
  if (token.id < 0 || token.id >= limits::kVocabulary)
    throw Error(Status::format, cat(where, ": added token ", token.id, ", ids go from 0 to ", limits::kVocabulary - 1));
  if (token.text.empty() || static_cast<int64_t>(token.text.size()) > limits::kTokenizerPieceBytes)
    throw Error(Status::format, cat(where, ": added token ", token.id, " has ", token.text.size(),
                                    " bytes of text, expected 1 to ", limits::kTokenizerPieceBytes));
  if (token.id < model_size_) {
    if (entries_[token.id].text != token.text)
      throw Error(Status::format, cat(where, ": added token ", token.id, " is \"", token.text, "\", the model has \"",
                                      entries_[token.id].text, "\" there"));
  } else {
    while (size() <= token.id) entries_.push_back({"", Kind::special, 0, false});
    entries_[token.id] = {token.text, token.special ? Kind::special : Kind::text, 0, false};
  }
  if (pad_ < 0 && token.special && (token.text == "<pad>" || token.text == "[PAD]")) pad_ = token.id;
}

void Tokenizer::probe(const std::string& where) const {
  const std::vector<int32_t> ids = encode(kProbe);
  const bool lost = keeps_any_text_ && decode(ids) != kProbe;
  const bool outside = std::any_of(ids.begin(), ids.end(), [&](int32_t id) { return id < 0 || id >= model_size_; });
  if (ids.empty() || lost || outside)
    throw Error(Status::format, cat(where, ": text does not survive encoding and decoding"));
}

std::vector<TokenSpan> Tokenizer::encode_spans(std::string_view text) const {
  if (static_cast<int64_t>(text.size()) > kRunBytes)
    throw Error(Status::limit, cat("a text of ", text.size(), " bytes, at most ", kRunBytes));
  if (text.empty()) return {};
  if (encoder_) return encode_json(text);
  // On the heap and given up when memory runs out: protobuf cannot destroy a message it was filling then.
  auto owned = std::make_unique<sentencepiece::ImmutableSentencePieceText>();
  auto& result = *owned;
  sentencepiece::util::Status status;
  try {
    status = library_->processor.Encode(text, result.mutable_proto());
  } catch (...) {
    static_cast<void>(owned.release());
    throw;
  }
  if (!status.ok()) throw Error(Status::internal, cat("sentencepiece: ", status.error_message()));
  std::vector<TokenSpan> tokens(result.pieces_size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto piece = result.pieces(static_cast<int>(i));
    tokens[i] = {static_cast<int32_t>(piece.id()), static_cast<int64_t>(piece.begin()),
                 static_cast<int64_t>(piece.end())};
  }
  return tokens;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  const std::vector<TokenSpan> tokens = encode_spans(text);
  std::vector<int32_t> ids(tokens.size());
  std::transform(tokens.begin(), tokens.end(), ids.begin(), [](const TokenSpan& token) { return token.id; });
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  Detokenizer words(std::shared_ptr<const Tokenizer>(std::shared_ptr<void>(), this));  // not owning: lives in this call
  std::string text;
  for (const int32_t id : ids) text += words.push(id);
  return text += words.flush();
}

const Tokenizer::Entry& Tokenizer::entry(int32_t id) const {
  if (id < 0 || id >= size())
    throw Error(Status::argument, cat("token id ", id, ", this vocabulary has 0 to ", size() - 1));
  return entries_[id];
}

std::string_view Tokenizer::piece(int32_t id) const { return entry(id).text; }

bool Tokenizer::is_special(int32_t id) const {
  const Kind kind = entry(id).kind;
  return kind == Kind::special || kind == Kind::unknown;
}

int32_t Tokenizer::special_id(std::string_view name) const {
  if (name.empty()) return -1;
  for (int32_t id = 0; id < size(); ++id)
    if ((entries_[id].kind == Kind::special || entries_[id].kind == Kind::unknown) && entries_[id].text == name)
      return id;
  return -1;
}

}  // namespace llava::core
