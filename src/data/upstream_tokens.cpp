// Special names first, the longest at each place; then the stretches between them.
#include "data/upstream_tokens.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "data/python_text.hpp"
#include "data/record.hpp"
#include "text/prompt.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kBlankPiece = "\xE2\x96\x81";  // "▁"

}  // namespace

UpstreamTokens::UpstreamTokens(std::shared_ptr<const Tokenizer> tokenizer, bool legacy)
    : tokenizer_(std::move(tokenizer)), legacy_(legacy || tokenizer_->kind() != "sentencepiece") {
  const bool is_json = tokenizer_->kind() != "sentencepiece";
  const auto has_role = [&](int32_t id) {
    return id == tokenizer_->bos() || id == tokenizer_->eos() || id == tokenizer_->unk();
  };
  for (int32_t id = 0; id < tokenizer_->size(); ++id)
    if (has_role(id) || (tokenizer_->is_special(id) && (is_json || id >= tokenizer_->model_size())))
      if (!tokenizer_->piece(id).empty()) names_.push_back({std::string(tokenizer_->piece(id)), id});
  std::stable_sort(names_.begin(), names_.end(),
                   [](const Name& a, const Name& b) { return a.text.size() > b.text.size(); });
}

const UpstreamTokens::Name* UpstreamTokens::name_at(std::string_view text) const {
  const auto found =
      std::find_if(names_.begin(), names_.end(), [&](const Name& name) { return text.starts_with(name.text); });
  return found == names_.end() ? nullptr : &*found;
}

/// `blank`: with the blank that sentencepiece puts before a text. Without it the words are encoded behind a character
/// that no piece contains, so that nothing is merged with it.
void UpstreamTokens::put_words(std::string_view words, bool blank, std::vector<int64_t>& ids) const {
  if (words.empty()) return;
  const std::string_view fence = blank ? "" : "\x01";
  const auto fence_bytes = static_cast<int64_t>(fence.size());
  for (const TokenSpan& token : tokenizer_->encode_spans(std::string(fence).append(words))) {
    if (token.begin >= fence_bytes) ids.push_back(token.id);
    if (token.begin < fence_bytes && token.end > fence_bytes)
      throw Error(Status::unsupported,
                  "a tokenizer with pieces of control characters cannot be used like the original");
  }
}

std::vector<int64_t> UpstreamTokens::encode(std::string_view text) const {
  std::vector<int64_t> ids;
  if (tokenizer_->bos() >= 0) ids.push_back(tokenizer_->bos());
  const auto words = legacy_ ? std::string(text) : python::replace(text, kBlankPiece, " ");
  bool first = true;
  size_t begin = 0;
  const auto end_words = [&](size_t end) {
    put_words(std::string_view(words).substr(begin, end - begin), legacy_ || first, ids);
    first = false;
  };
  for (size_t at = 0; at < words.size();) {
    const Name* name = name_at(std::string_view(words).substr(at));
    if (!name) {
      ++at;
      continue;
    }
    end_words(at);
    ids.push_back(name->id);
    begin = at += name->text.size();
  }
  end_words(words.size());
  return ids;
}

std::vector<int64_t> UpstreamTokens::encode_with_images(std::string_view text) const {
  std::vector<int64_t> ids;
  for (bool first = true; const auto part : python::split(text, kImageText)) {
    const auto more = encode(part);
    if (!first) ids.push_back(kImageToken);
    const bool drop = !first && tokenizer_->bos() >= 0;
    ids.insert(ids.end(), more.begin() + (drop ? 1 : 0), more.end());
    first = false;
  }
  return ids;
}

}  // namespace llava::core
