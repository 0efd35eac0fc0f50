// A training file: records lie one behind the other inside it, however its bytes arrive, and what is read of one is whole.
#include "data/record.hpp"
#include "data/record_scanner.hpp"
#include "fuzz.hpp"

using namespace llava;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto text = fuzz::text_of(data, size);
    core::RecordScanner scanner("x.json"), pieces("x.json");
    scanner.feed(text);
    scanner.finish();
    for (size_t at = 0; at < text.size(); at += 3) pieces.feed(text.substr(at, 3));
    pieces.finish();
    fuzz::require(pieces.records().size() == scanner.records().size(), "records depend on portions");
    uint64_t end = 0;
    for (const auto& span : scanner.records()) {
      fuzz::require(span.begin >= end && span.begin + span.size <= text.size(), "records overlap or leave the file");
      end = span.begin + span.size;
      try {
        const auto record = core::parse_record(text.substr(span.begin, span.size), {"x.json", 0, 0});
        fuzz::require(record.first < static_cast<int64_t>(record.turns.size()), "no turns are left");
      } catch (const core::RecordError& error) {
        fuzz::require(!error.message().empty(), "no message");
      }
    }
  });
  return 0;
}
