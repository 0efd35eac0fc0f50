// What the tests of this folder share: goldens, the test tokenizer, records and files made on the spot.
#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "data/record.hpp"
#include "data/record_index.hpp"
#include "data/sample.hpp"
#include "support/temporary_folder.hpp"
#include "text/tokenizer.hpp"

namespace llava::test {

inline const std::string kGolden = std::string(LLAVA_TEST_DATA) + "/golden/data/";

inline nlohmann::json read_golden(const std::string& name) {
  std::ifstream file(kGolden + name);
  return nlohmann::json::parse(file);
}

inline std::shared_ptr<const core::Tokenizer> test_tokenizer() {
  static const auto tokenizer =
      core::Tokenizer::from_file(std::string(LLAVA_TEST_DATA) + "/golden/text/test_tokenizer.model");
  return tokenizer;
}

using Said = std::vector<std::pair<std::string, std::string>>;

/// {"id", "image"?, "conversations"} as one line of JSON.
inline std::string record_json(const std::string& id, const std::vector<std::string>& images, const Said& said) {
  nlohmann::json record = {{"id", id}, {"conversations", nlohmann::json::array()}};
  if (images.size() == 1) record["image"] = images[0];
  if (images.size() > 1) record["image"] = images;
  for (const auto& [from, value] : said) record["conversations"].push_back({{"from", from}, {"value", value}});
  return record.dump();
}

inline core::Record parse(const std::string& json) { return core::parse_record(json, {"test.json", 0, 0}); }

inline core::Record record_of(const std::vector<std::string>& images, const Said& said) {
  return parse(record_json("r1", images, said));
}

inline std::shared_ptr<const core::RecordIndex> index_of(const TemporaryFolder& folder, const std::string& text) {
  return core::RecordIndex::open(folder.write("data.json", text));
}

inline core::SampleRules rules_of(const char* name, core::LabelRule labels = core::LabelRule::spans) {
  core::SampleRules rules;
  rules.row = &core::find_template(name);
  rules.labels = labels;
  return rules;
}

inline core::SampleMaker maker_of(const core::SampleRules& rules) { return {test_tokenizer(), rules}; }

/// The words behind the labels, special tokens by name.
inline std::string learned_text(const core::Sample& sample) {
  std::string text;
  std::vector<int32_t> run;
  const auto end_run = [&] {
    text += run.empty() ? "" : test_tokenizer()->decode(run);
    run.clear();
  };
  for (const int64_t label : sample.labels) {
    if (label == core::kIgnored) {
      end_run();
    } else if (test_tokenizer()->is_special(static_cast<int32_t>(label))) {
      end_run();
      text += test_tokenizer()->piece(static_cast<int32_t>(label));
    } else {
      run.push_back(static_cast<int32_t>(label));
    }
  }
  end_run();
  return text;
}

}  // namespace llava::test
