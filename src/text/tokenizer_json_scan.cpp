#include "text/tokenizer_json_scan.hpp"

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

[[noreturn]] void refuse(const std::string& message, Status status = Status::format) { throw Error(status, message); }

/// Passes events on to a tree, except what stands inside model.vocab and model.merges.
class Reader : public JsonEvents {
 public:
  explicit Reader(TokenizerJsonScan& scan) : scan_(scan) {}

  void begin_object() override {
    if (list_ != List::none) refuse(cat(place(), " is an object, expected ", expected()));
    tree_.begin_object();
    enter(List::vocabulary);
  }

  void end_object() override {
    leave();
    tree_.end_object();
  }

  void begin_array() override {
    if (list_ == List::vocabulary || pair_ >= 0) refuse(cat(place(), " is an array, expected ", expected()));
    if (list_ == List::merges) {
      pair_ = 0;
      add_merge();
      return;
    }
    tree_.begin_array();
    enter(List::merges);
  }

  void end_array() override {
    if (pair_ >= 0) {
      if (pair_ != 2) refuse(cat(place(), " has ", pair_, " parts, expected 2"));
      pair_ = -1;
      return;
    }
    leave();
    tree_.end_array();
  }

  void key(std::string& name) override {
    if (list_ == List::vocabulary) {
      if (static_cast<int64_t>(scan_.vocabulary.size()) >= limits::kTokenizerPieces)
        refuse(cat("model.vocab has more than ", limits::kTokenizerPieces, " tokens"), Status::limit);
      scan_.vocabulary.emplace_back(std::move(name), -1);
      return;
    }
    if (depth_ <= 2) keys_[depth_ - 1] = name;
    tree_.key(name);
  }

  void value(Json&& scalar) override {
    if (list_ == List::vocabulary) return token_id(scalar);
    if (list_ == List::merges) return merge(scalar);
    tree_.value(std::move(scalar));
  }

  Json tree() { return std::move(tree_.root); }

 private:
  enum class List { none, vocabulary, merges };

  /// `fitting`: which of the two lists an object or an array can be.
  void enter(List fitting) {
    ++depth_;
    if (depth_ != 3 || keys_[0] != "model") return;
    if (keys_[1] == (fitting == List::vocabulary ? "vocab" : "merges")) list_ = fitting;
  }

  void leave() {
    --depth_;
    list_ = List::none;
  }

  std::string place() const {
    if (list_ == List::vocabulary) return cat("model.vocab[\"", printable(scan_.vocabulary.back().first, 60), "\"]");
    return cat("model.merges[", scan_.merges.size() - (pair_ >= 0 ? 1 : 0), "]");
  }

  const char* expected() const {
    if (list_ == List::vocabulary) return "an id";
    return pair_ >= 0 ? "a token" : "\"left right\" or [\"left\", \"right\"]";
  }

  void token_id(const Json& scalar) {
    const bool whole = scalar.is_number_unsigned() || scalar.is_number_integer();
    if (!whole) refuse(cat(place(), " is ", json_found(scalar), ", expected an id"));
    const bool small =
        scalar.is_number_unsigned() && scalar.unsigned_integer() < static_cast<uint64_t>(limits::kVocabulary);
    if (!small) refuse(cat(place(), " is ", json_found(scalar), ", ids go from 0 to ", limits::kVocabulary - 1));
    scan_.vocabulary.back().second = static_cast<int32_t>(scalar.unsigned_integer());
  }

  void add_merge() {
    if (static_cast<int64_t>(scan_.merges.size()) >= limits::kTokenizerMerges)
      refuse(cat("model.merges has more than ", limits::kTokenizerMerges, " entries"), Status::limit);
    scan_.merges.emplace_back();
  }

  void merge(Json& scalar) {
    if (!scalar.is_string()) refuse(cat(place(), " is ", json_found(scalar), ", expected ", expected()));
    auto& text = scalar.string();
    if (pair_ >= 0) {
      if (pair_ >= 2) refuse(cat(place(), " has more than 2 parts"));
      auto& last = scan_.merges.back();
      (pair_++ == 0 ? last.first : last.second) = std::move(text);
      return;
    }
    if (text.starts_with("#version")) return;  // a line of the old merges.txt
    const size_t blank = text.find(' ');
    if (blank == text.npos || text.find(' ', blank + 1) != text.npos)
      refuse(cat(place(), " is \"", printable(text, 60), "\", expected two tokens with one blank between them"));
    add_merge();
    scan_.merges.back() = {text.substr(0, blank), text.substr(blank + 1)};
  }

  TokenizerJsonScan& scan_;
  JsonTree tree_;
  int64_t depth_ = 0;
  std::string keys_[2];  // the last key of the file's object, and of the object in it
  List list_ = List::none;
  int pair_ = -1;  // parts read of a merge that is an array
};

}  // namespace

TokenizerJsonScan scan_tokenizer_json(std::string_view text, const std::string& where) {
  TokenizerJsonScan scan;
  Reader reader(scan);
  scan_json(text, where, {limits::kTokenizerJsonBytes, limits::kJsonDepth}, reader);
  scan.rest = reader.tree();
  return scan;
}

}  // namespace llava::core
