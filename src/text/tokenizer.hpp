// Text to token ids and back: a sentencepiece BPE model or the BPE of a tokenizer.json, and the tokens a checkpoint
// adds to it. Whatever a user types is ordinary text here: encode() never gives the id of a control, byte-named or
// special token for its name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

class JsonDecoder;
class JsonEncoder;

/// A token a checkpoint declares beside (or on top of) the model, e.g. {32000, "<image>", true}. How it is found in
/// text matters for tokens of a tokenizer.json that are not special.
struct AddedToken {
  int32_t id = 0;
  std::string text;
  bool special = true;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
};

/// What a checkpoint calls its special tokens; "" where it is silent. A tokenizer.json does not know these roles.
struct TokenNames {
  std::string bos, eos, unk, pad;
  std::optional<bool> adds_bos;  // a prompt begins with BOS; nullopt: as the tokenizer.json's post-processor says
};

/// One token and the bytes [begin, end) of the text it stands for. The blank that sentencepiece puts before a text has
/// no bytes; of the byte tokens of one character all but the last are empty and stand at the character's begin.
struct TokenSpan {
  int32_t id = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

/// Immutable; any number of threads may use one at the same time.
class Tokenizer {
 public:
  /// Reads a tokenizer.model. Added tokens with ids inside the model must have the text they have there; beyond it they
  /// extend the ids (gaps are empty special tokens).
  /// Throws Error(not_found, io) for the file, Error(format, unsupported, limit) after sentencepiece_model.hpp.
  static std::shared_ptr<const Tokenizer> from_file(const std::string& path, const std::vector<AddedToken>& added = {});

  /// The same from bytes; `where` names them in messages.
  static std::shared_ptr<const Tokenizer> from_bytes(std::string_view serialized, std::string_view where,
                                                     const std::vector<AddedToken>& added = {});

  /// Reads a tokenizer.json (tokenizer_json.hpp says what it may hold). Added tokens as above, gaps of at most 65536;
  /// those that are not special are found in text, as `tokenizers` finds them. A token is special where the file or
  /// `added` says so, and where its name is a mark of a prompt.
  /// Throws Error(not_found | io) for the file, Error(format | unsupported | limit) after tokenizer_json.hpp.
  static std::shared_ptr<const Tokenizer> from_json_file(const std::string& path,
                                                         const std::vector<AddedToken>& added = {},
                                                         const TokenNames& names = {});
  static std::shared_ptr<const Tokenizer> from_json_bytes(std::string_view json, std::string_view where,
                                                          const std::vector<AddedToken>& added = {},
                                                          const TokenNames& names = {});

  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  /// Ids of one run of text with the model's own blank before it where it puts one; no BOS, no EOS. "" gives nothing.
  /// Bytes that are not UTF-8 become U+FFFD. Throws Error(limit) above 16 times limits::kTextPartBytes (a run may join
  /// parts), and when a tokenizer.json's expressions take too long.
  std::vector<int32_t> encode(std::string_view text) const;
  std::vector<TokenSpan> encode_spans(std::string_view text) const;

  /// Text of ids. As sentencepiece's Decode gives it: the blank before the first word is dropped, byte tokens are
  /// joined and give U+FFFD where they are not UTF-8, special tokens give nothing, unknown gives unk_surface. Of a
  /// tokenizer.json: as `tokenizers` decodes with skip_special_tokens.
  /// Throws Error(argument) for an id outside [0, size()).
  std::string decode(std::span<const int32_t> ids) const;

  /// The token as the vocabulary spells it ("▁the", "<0x0A>", "</s>"). Throws Error(argument) as decode() does.
  std::string_view piece(int32_t id) const;

  /// Id of a special token by its exact name ("<image>", "<|im_start|>"); -1 when there is none.
  int32_t special_id(std::string_view name) const;

  int32_t size() const { return static_cast<int32_t>(entries_.size()); }  // sentencepiece's and the added ones
  int32_t model_size() const { return model_size_; }                      // the model's alone
  int32_t bos() const { return bos_; }  // what a prompt begins with; -1: with nothing (some tokenizer.json)
  int32_t eos() const { return eos_; }  // -1 when there is none (some tokenizer.json)
  int32_t unk() const { return unk_; }  // -1 likewise
  int32_t pad() const { return pad_; }  // -1 when there is none

  bool is_special(int32_t id) const;  // control, unknown, and added special tokens

  /// "sentencepiece", "bpe" or "byte-level bpe".
  std::string_view kind() const;

 private:
  friend class Detokenizer;
  enum class Kind : uint8_t { text, special, unknown, byte };
  struct Entry {
    std::string text;  // as in the vocabulary
    Kind kind = Kind::text;
    uint8_t byte = 0;
    bool from_model = true;  // its "▁" means a blank
  };
  struct Library;

  Tokenizer();
  std::vector<TokenSpan> encode_json(std::string_view text) const;
  void take_names(const TokenNames& names, int32_t first_id, const std::string& where);
  int32_t find_token(std::string_view name) const;
  const Entry& entry(int32_t id) const;
  void add(const AddedToken& token, const std::string& where);
  void probe(const std::string& where) const;

  std::vector<Entry> entries_;
  std::string unk_surface_;
  int32_t model_size_ = 0;
  int32_t bos_ = -1, eos_ = -1, unk_ = -1, pad_ = -1;
  bool strips_first_blank_ = true;
  bool strips_all_blanks_ = false;
  bool is_byte_level_ = false;                  // a tokenizer.json on bytes
  bool keeps_any_text_ = false;                 // byte fallback and no map: decode(encode(x)) is x
  std::unique_ptr<Library> library_;            // sentencepiece
  std::shared_ptr<const JsonEncoder> encoder_;  // of a tokenizer.json, as is decoder_
  std::shared_ptr<const JsonDecoder> decoder_;
};

}  // namespace llava::core
