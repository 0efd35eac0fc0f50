// A tokenizer.model as plain values, read and checked by us. sentencepiece 0.2.1 can be made to crash by a crafted
// file, so it never sees one: it gets a fresh file written from these values (write_model), and nothing else of the
// original.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

enum class PieceKind : uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct ModelPiece {
  std::string text;
  float score = 0;
  PieceKind kind = PieceKind::normal;
};

struct SentencePieceModel {
  std::vector<ModelPiece> pieces;
  bool byte_fallback = false;
  bool blank_as_suffix = false;  // treat_whitespace_as_suffix
  bool add_dummy_prefix = true;
  bool remove_extra_blanks = true;  // remove_extra_whitespaces
  bool escape_blanks = true;        // escape_whitespaces
  std::string normalizer_map;
  std::string unk_surface = " \xE2\x81\x87 ";
  std::string unk_piece = "<unk>", bos_piece = "<s>", eos_piece = "</s>", pad_piece = "<pad>";
  int32_t unk = -1, bos = -1, eos = -1, pad = -1;  // ids; unk, bos and eos are always there, pad may be -1
};

/// Reads the protobuf once, without recursion, and checks everything sentencepiece relies on:
/// BPE; pieces non-empty, at most 512 bytes, UTF-8, without NUL, unique; kinds known; scores finite; UNK exactly once;
/// BOS and EOS there as control pieces; byte pieces exactly <0x00>…<0xFF>, all of them, where byte fallback is on and
/// none where it is off; no control, unknown or byte piece of a single character (typed text would reach it); at most
/// 64 user-defined pieces that are prefixes of one another; the normaliser map (normalizer_map.hpp); no denormaliser
/// map. `where` opens every message.
/// Throws Error(format), Error(unsupported) for unigram, word and char models, Error(limit) above base/limits.hpp.
SentencePieceModel read_model(std::string_view serialized, const std::string& where);

/// The same model as protobuf bytes for sentencepiece; self-test samples and training options are left out.
std::string write_model(const SentencePieceModel& model);

}  // namespace llava::core
