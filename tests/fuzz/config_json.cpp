// config.json of a model: what is taken holds numbers a model can be made of.
#include "model/config_json.hpp"
#include "fuzz.hpp"

using namespace llava;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::accepted([&] {
    const auto config =
        core::parse_model_config(core::parse_json(fuzz::text_of(data, size), "config.json"), "config.json");
    const auto& language = config.language;
    fuzz::require(language.layers >= 1 && language.layers <= core::limits::kLayers, "layers");
    fuzz::require(language.vocabulary >= 1 && language.vocabulary <= core::limits::kVocabulary, "vocabulary");
    fuzz::require(language.context >= 1 && language.context <= core::limits::kContext, "context");
    // pixels beyond the last whole patch are dropped, as by transformers' convolution: 384 = 27 * 14 + 6
    fuzz::require(config.vision.patches() >= 1, "a picture without patches");
  });
  return 0;
}
