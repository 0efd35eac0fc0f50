// Field numbers: sentencepiece 0.2.1, src/sentencepiece_model.proto.
#include "text/sentencepiece_model.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "text/normalizer_map.hpp"
#include "text/protobuf_wire.hpp"
#include "text/utf8.hpp"

namespace llava::core {
namespace {

constexpr uint32_t kVarint = 0, kBytes = 2, kFourBytes = 5;
constexpr int kPrefixesOfOneAnother = 64;  // PrefixMatcher::PrefixMatch, kResultSize
constexpr uint64_t kBpe = 2;

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw Error(Status::format, cat(where, ": ", what));
}

void expect_type(const WireField& field, uint32_t type, const char* name, const std::string& where) {
  if (field.type != type) fail(where, cat(name, " has wire type ", field.type, ", expected ", type));
}

std::string short_text(const WireField& field, const char* name, const std::string& where) {
  expect_type(field, kBytes, name, where);
  if (static_cast<int64_t>(field.bytes.size()) > limits::kTokenizerPieceBytes)
    fail(where, cat(name, " has ", field.bytes.size(), " bytes, at most ", limits::kTokenizerPieceBytes));
  if (!valid_utf8(field.bytes)) fail(where, cat(name, " is not UTF-8"));
  return std::string(field.bytes);
}

bool flag(const WireField& field, const char* name, const std::string& where) {
  expect_type(field, kVarint, name, where);
  return field.value != 0;
}

ModelPiece read_piece(std::string_view bytes, const std::string& where, int64_t offset) {
  ModelPiece piece;
  WireReader reader(bytes, where, offset);
  WireField field;
  while (reader.next(field)) {
    if (field.number == 1) {
      piece.text = short_text(field, "piece", where);
    } else if (field.number == 2) {
      expect_type(field, kFourBytes, "score", where);
      piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    } else if (field.number == 3) {
      expect_type(field, kVarint, "type", where);
      if (field.value < 1 || field.value > 6) fail(where, cat("type ", field.value, ", expected 1 to 6"));
      piece.kind = static_cast<PieceKind>(field.value);
    }
  }
  if (piece.text.empty()) fail(where, "the piece is empty");
  if (piece.text.find('\0') != std::string::npos) fail(where, "the piece contains a NUL");
  if (!std::isfinite(piece.score)) fail(where, "the score is not a finite number");
  return piece;
}

void read_trainer(SentencePieceModel& model, std::string_view bytes, const std::string& where, int64_t offset) {
  WireReader reader(bytes, where, offset);
  WireField field;
  uint64_t type = 1;  // unigram is the format's default
  while (reader.next(field)) {
    switch (field.number) {
      case 3:
        expect_type(field, kVarint, "model_type", where);
        type = field.value;
        break;
      case 24:
        model.blank_as_suffix = flag(field, "treat_whitespace_as_suffix", where);
        break;
      case 35:
        model.byte_fallback = flag(field, "byte_fallback", where);
        break;
      case 44:
        model.unk_surface = short_text(field, "unk_surface", where);
        break;
      case 45:
        model.unk_piece = short_text(field, "unk_piece", where);
        break;
      case 46:
        model.bos_piece = short_text(field, "bos_piece", where);
        break;
      case 47:
        model.eos_piece = short_text(field, "eos_piece", where);
        break;
      case 48:
        model.pad_piece = short_text(field, "pad_piece", where);
        break;
      default:
        break;
    }
  }
  if (type == kBpe) return;
  const char* const names[] = {"unigram", "BPE", "word", "char"};
  if (type < 1 || type > 4) fail(where, cat("model_type ", type, ", expected 2 (BPE)"));
  throw Error(Status::unsupported, cat(where, ": a ", names[type - 1], " model; only BPE models are read"));
}

void read_normalizer(SentencePieceModel& model, std::string_view bytes, const std::string& where, int64_t offset) {
  WireReader reader(bytes, where, offset);
  WireField field;
  while (reader.next(field)) {
    if (field.number == 2) {
      expect_type(field, kBytes, "precompiled_charsmap", where);
      check_normalizer_map(field.bytes, where);
      model.normalizer_map = field.bytes;
    } else if (field.number == 3) {
      model.add_dummy_prefix = flag(field, "add_dummy_prefix", where);
    } else if (field.number == 4) {
      model.remove_extra_blanks = flag(field, "remove_extra_whitespaces", where);
    } else if (field.number == 5) {
      model.escape_blanks = flag(field, "escape_whitespaces", where);
    }
  }
}

void refuse_denormalizer_map(std::string_view bytes, const std::string& where, int64_t offset) {
  WireReader reader(bytes, where, offset);
  for (WireField field; reader.next(field);)
    if (field.number == 2 && !field.bytes.empty())
      throw Error(Status::unsupported, cat(where, ": a map that changes decoded text is not supported"));
}

/// The byte that "<0x0A>" names; -1 for any other text.
int byte_of(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return -1;
  int byte = 0;
  for (const char digit : text.substr(3, 2)) {
    const bool number = digit >= '0' && digit <= '9';
    if (!number && !(digit >= 'A' && digit <= 'F')) return -1;
    byte = byte * 16 + (number ? digit - '0' : digit - 'A' + 10);
  }
  return byte;
}

void check_bytes(const SentencePieceModel& model, const std::string& where) {
  int count = 0;  // pieces are unique, so 256 well-named ones are all bytes
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].kind != PieceKind::byte) continue;
    if (!model.byte_fallback) fail(where, cat("pieces[", id, "] is a byte, byte_fallback is off"));
    if (byte_of(model.pieces[id].text) < 0)
      fail(where, cat("pieces[", id, "] is a byte that is not named <0x00> to <0xFF>"));
    ++count;
  }
  if (model.byte_fallback && count != 256) fail(where, cat(count, " byte pieces, byte_fallback needs 256"));
}

void check_prefix_chains(const SentencePieceModel& model, const std::string& where) {
  std::vector<std::string_view> texts;
  for (const ModelPiece& piece : model.pieces)
    if (piece.kind == PieceKind::user_defined) texts.push_back(piece.text);
  std::sort(texts.begin(), texts.end());
  std::vector<std::string_view> chain;
  for (const std::string_view text : texts) {
    while (!chain.empty() && !text.starts_with(chain.back())) chain.pop_back();
    chain.push_back(text);
    if (chain.size() > kPrefixesOfOneAnother)
      fail(where, cat("more than ", kPrefixesOfOneAnother, " user-defined pieces are prefixes of one another"));
  }
}

/// Finds the special pieces and refuses whatever typed text could reach them by.
void check_names(SentencePieceModel& model, const std::string& where) {
  std::unordered_map<std::string_view, int32_t> ids;
  ids.reserve(model.pieces.size());
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const ModelPiece& piece = model.pieces[i];
    const auto id = static_cast<int32_t>(i);
    const auto [first, is_new] = ids.emplace(piece.text, id);
    if (!is_new) fail(where, cat("pieces[", id, "] repeats pieces[", first->second, "]"));
    const bool reserved =
        piece.kind == PieceKind::control || piece.kind == PieceKind::unknown || piece.kind == PieceKind::byte;
    if (reserved && utf8_length(piece.text) == static_cast<int>(piece.text.size()))
      fail(where, cat("pieces[", id, "] is special and a single character, which typed text would reach"));
    if (piece.kind != PieceKind::unknown) continue;
    if (model.unk >= 0) fail(where, cat("pieces[", model.unk, "] and pieces[", id, "] are both the unknown piece"));
    model.unk = id;
  }
  const auto control = [&](const std::string& text) {
    const auto found = ids.find(text);
    return found != ids.end() && model.pieces[found->second].kind == PieceKind::control ? found->second : -1;
  };
  model.bos = control(model.bos_piece);
  model.eos = control(model.eos_piece);
  model.pad = control(model.pad_piece);
  if (model.unk < 0) fail(where, "no unknown piece");
  if (model.bos < 0) fail(where, cat("no control piece \"", model.bos_piece, "\" to begin with"));
  if (model.eos < 0) fail(where, cat("no control piece \"", model.eos_piece, "\" to end with"));
}

struct Seen {
  bool trainer = false, normalizer = false, self_test = false, denormalizer = false;
};

void once(bool& seen, const char* name, const std::string& where) {
  if (seen) fail(where, cat(name, " stands there twice"));
  seen = true;
}

}  // namespace

SentencePieceModel read_model(std::string_view serialized, const std::string& where) {
  if (static_cast<int64_t>(serialized.size()) > limits::kTokenizerModelBytes)
    throw Error(Status::limit, cat(where, ": ", serialized.size(), " bytes, at most ", limits::kTokenizerModelBytes));
  SentencePieceModel model;
  Seen seen;
  WireReader reader(serialized, where, 0);
  for (WireField field; reader.next(field);) {
    if (field.number < 1 || field.number > 5) continue;
    expect_type(field, kBytes, "a part of the model", where);
    const int64_t begin = reader.offset() - static_cast<int64_t>(field.bytes.size());
    if (field.number == 1) {
      if (static_cast<int64_t>(model.pieces.size()) == limits::kTokenizerPieces)
        throw Error(Status::limit, cat(where, ": more than ", limits::kTokenizerPieces, " pieces"));
      model.pieces.push_back(read_piece(field.bytes, cat(where, ": pieces[", model.pieces.size(), "]"), begin));
    } else if (field.number == 2) {
      once(seen.trainer, "trainer_spec", where);
      read_trainer(model, field.bytes, cat(where, ": trainer_spec"), begin);
    } else if (field.number == 3) {
      once(seen.normalizer, "normalizer_spec", where);
      read_normalizer(model, field.bytes, cat(where, ": normalizer_spec"), begin);
    } else if (field.number == 5) {
      once(seen.denormalizer, "denormalizer_spec", where);
      refuse_denormalizer_map(field.bytes, cat(where, ": denormalizer_spec"), begin);
    }
  }
  if (model.pieces.empty()) fail(where, "no pieces; is it a sentencepiece model?");
  if (!seen.trainer) fail(where, "no trainer_spec, so the model's type is unknown");
  check_names(model, where);
  check_bytes(model, where);
  check_prefix_chains(model, where);
  return model;
}

std::string write_model(const SentencePieceModel& model) {
  std::string out, part;
  for (const ModelPiece& piece : model.pieces) {
    part.clear();
    write_bytes(part, 1, piece.text);
    write_float(part, 2, piece.score);
    write_number(part, 3, static_cast<uint64_t>(piece.kind));
    write_bytes(out, 1, part);
  }
  part.clear();
  write_number(part, 3, kBpe);
  write_number(part, 24, model.blank_as_suffix);
  write_number(part, 35, model.byte_fallback);
  write_bytes(part, 44, model.unk_surface);
  write_bytes(part, 45, model.unk_piece);
  write_bytes(part, 46, model.bos_piece);
  write_bytes(part, 47, model.eos_piece);
  write_bytes(part, 48, model.pad_piece);
  write_bytes(out, 2, part);
  part.clear();
  write_bytes(part, 1, "identity");
  if (!model.normalizer_map.empty()) write_bytes(part, 2, model.normalizer_map);
  write_number(part, 3, model.add_dummy_prefix);
  write_number(part, 4, model.remove_extra_blanks);
  write_number(part, 5, model.escape_blanks);
  write_bytes(out, 3, part);
  return out;
}

}  // namespace llava::core
