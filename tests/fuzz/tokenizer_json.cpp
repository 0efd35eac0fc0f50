// tokenizer.json: what is taken encodes without a fault, to ids of the vocabulary and spans within the text, and what
// is decoded at once and piece by piece is the same.
#include <numeric>
#include <vector>

#include "fuzz.hpp"
#include "text/detokenizer.hpp"
#include "text/tokenizer.hpp"

using namespace llava;

namespace {

constexpr std::string_view kWords =
    "A picture of 12 cats, \xC3\xA9\xE5\xAD\x97 \xF0\x9F\x98\x80\n qqqq ab e\xCC\x81 </s><0x0A>\xFF";

void check_decoding(const std::shared_ptr<const core::Tokenizer>& tokenizer, const std::vector<int32_t>& ids) {
  core::Detokenizer words(tokenizer);
  std::string text;
  for (const auto id : ids) {
    const auto piece = words.push(id);
    fuzz::require(core::valid_utf8(piece), "a piece that is not UTF-8");
    text += piece;
  }
  fuzz::require(text + words.flush() == tokenizer->decode(ids), "streamed text differs");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto tokenizer = core::Tokenizer::from_json_bytes(fuzz::text_of(data, size), "file");
    const auto spans = tokenizer->encode_spans(kWords);
    std::vector<int32_t> ids;
    for (const auto& token : spans) {
      fuzz::require(token.id >= 0 && token.id < tokenizer->size(), "an id outside the vocabulary");
      fuzz::require(!tokenizer->is_special(token.id) || token.id == tokenizer->unk(),
                    "typed text gave a special token");
      fuzz::require(token.begin >= 0 && token.begin <= token.end && token.end <= static_cast<int64_t>(kWords.size()),
                    "a span outside the text");
      ids.push_back(token.id);
    }
    check_decoding(tokenizer, ids);
    std::vector<int32_t> all(static_cast<size_t>(tokenizer->size()));
    std::iota(all.begin(), all.end(), 0);
    check_decoding(tokenizer, all);
  });
  return 0;
}
