// tokenizer.model: what is taken is written and read again alike, and encodes and decodes without a fault.
#include <numeric>
#include <vector>

#include "fuzz.hpp"
#include "text/sentencepiece_model.hpp"
#include "text/tokenizer.hpp"

using namespace llava;

namespace {

constexpr std::string_view kWords = "A picture of 12 cats, \xC3\xA9\xE5\xAD\x97 \xF0\x9F\x98\x80\n qqqq </s><0x0A>";

void check_round_trip(const core::SentencePieceModel& model) {
  const auto written = core::write_model(model);
  const auto again = core::read_model(written, "again");
  fuzz::require(again.pieces.size() == model.pieces.size(), "pieces were lost");
  for (size_t i = 0; i < model.pieces.size(); ++i)
    fuzz::require(again.pieces[i].text == model.pieces[i].text && again.pieces[i].kind == model.pieces[i].kind,
                  "a piece changed", model.pieces[i].text);
  fuzz::require(core::write_model(again) == written, "written differently the second time");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto bytes = fuzz::text_of(data, size);
    check_round_trip(core::read_model(bytes, "file"));
    const auto tokenizer = core::Tokenizer::from_bytes(bytes, "file");
    const auto ids = tokenizer->encode(kWords);
    for (const auto id : ids) fuzz::require(id >= 0 && id < tokenizer->size(), "an id outside the vocabulary");
    tokenizer->decode(ids);
    std::vector<int32_t> all(static_cast<size_t>(tokenizer->size()));
    std::iota(all.begin(), all.end(), 0);
    tokenizer->decode(all);
  });
  return 0;
}
