// Everything that the small files of a checkpoint say, said wrong, and every tensor of another size: a status that files
// can lead to, and a message that names the place, before a weight is read.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "checkpoints/support.hpp"
#include "weights/safetensors.hpp"

using namespace llava::core;
using namespace checkpoints_test;
using Tree = nlohmann::ordered_json;
using Place = Tree::json_pointer;

namespace {

constexpr const char* kHole = "@@";  // what stands where the wrong value comes

const std::vector<std::string>& wrong_values() {
  static const std::vector<std::string> values = {"null", "\"x\"", "-1", "0",  "9223372036854775808", "1e999",
                                                  "NaN",  "true",  "[]", "{}", std::string(65, '['),  "65537",
                                                  "0.5",  "[[1]]"};
  return values;
}

// Of everything that is no object.
std::vector<Place> places_in(const Tree& tree, const Place& here = Place()) {
  if (!tree.is_object()) return {here};
  std::vector<Place> all;
  for (const auto& [key, value] : tree.items())
    for (const auto& place : places_in(value, here / key)) all.push_back(place);
  return all;
}

/// What a plan says of the folder; nothing: it can be loaded.
std::optional<Error> failure_of(const std::string& folder) {
  try {
    require_loadable(plan_load(folder, {}));
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

bool files_lead_to(Status status) {
  return status == Status::format || status == Status::unsupported || status == Status::limit ||
         status == Status::not_found;
}

// Where a value that is missing or other than it was, and may be so, is found out: by tensors and rows that do not fit it.
bool names_a_mismatch(const std::string& message) {
  for (const char* words : {"tensors do not fit", "tensors are missing", "vocabulary", "added token"})
    if (message.find(words) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_SUITE("checkpoints/wrong_values") {
  TEST_CASE("every value of every small file, said wrong or not at all") {
    const TemporaryFolder folder;
    const auto model = folder / "m";
    copy_folder(kGolden + "hf_rows", model);
    int64_t cases = 0, refused = 0;
    std::string silent;  // refused by words that do not say what is wrong
    for (const std::string name :
         {"config.json", "preprocessor_config.json", "generation_config.json", "tokenizer_config.json"}) {
      const auto path = model + "/" + name, text = read_file(path, 1 << 20);
      const auto whole = Tree::parse(text);
      const auto attempt = [&](const Place& place, const std::string& what, const std::string& written) {
        std::ofstream(path) << written;  // not made durable, which takes longer than all the rest
        const auto error = failure_of(model);
        ++cases;
        if (!error) return;
        ++refused;
        CAPTURE(name);
        CAPTURE(place.to_string());
        CAPTURE(what);
        CHECK(files_lead_to(error->status()));
        const auto& message = error->message();
        if (message.find(place.back()) == message.npos && message.find(name) == message.npos &&
            !names_a_mismatch(message))
          silent += cat(name, place.to_string(), " ", what, ": ", message, "\n");
      };
      for (const auto& place : places_in(whole)) {
        for (const auto& wrong : wrong_values()) {
          auto changed = whole;
          changed[place] = kHole;
          auto written = changed.dump();
          written.replace(written.find(cat('"', kHole, '"')), 4, wrong);
          attempt(place, wrong, written);
        }
        auto without = whole;
        without[place.parent_pointer()].erase(place.back());
        attempt(place, "missing", without.dump());
      }
      std::ofstream(path) << text;
    }
    CHECK(silent == "");
    CHECK(cases >= 400);
    CHECK(refused >= cases / 3);
    CHECK_FALSE(failure_of(model).has_value());
  }

  TEST_CASE("every side of every tensor, one less, one more, twice and none") {
    const TemporaryFolder folder;
    const auto model = folder / "m";
    copy_folder(kGolden + "hf_rows", model);
    const auto file = model + "/model.safetensors";
    const auto map = open_safetensors(kGolden + "hf_rows/model.safetensors");
    std::set<std::string> taken;
    for (const auto& tensor : plan_load(model, {}).taken) taken.insert(tensor.view->name);
    const std::vector<std::byte> zeros(1 << 20);
    int64_t cases = 0;
    for (const auto& spoilt : map.all()) {
      const bool again =
          spoilt.name.find("layers.1.") != std::string::npos || spoilt.name.find("layers.2.") != std::string::npos;
      if (!taken.count(spoilt.name) || again) continue;
      for (size_t side = 0; side < spoilt.shape.size(); ++side) {
        const auto size = spoilt.shape[side];
        for (const auto other : {size - 1, size + 1, 2 * size, int64_t{0}}) {
          auto views = map.all();
          auto& view =
              *std::find_if(views.begin(), views.end(), [&](const auto& one) { return one.name == spoilt.name; });
          view.shape[side] = other;
          view.size_bytes = dtype_bytes(view.dtype);
          for (const auto length : view.shape) view.size_bytes *= static_cast<size_t>(length);
          view.data = zeros.data();
          REQUIRE(view.size_bytes <= zeros.size());
          write_safetensors(file, views);
          const auto error = failure_of(model);
          ++cases;
          CAPTURE(spoilt.name);
          CAPTURE(other);
          REQUIRE(error.has_value());
          CHECK(error->status() == Status::format);
          CHECK(error->message().find(spoilt.name) != std::string::npos);
          CHECK(error->message().find(shape_text(view.shape)) != std::string::npos);
          CHECK(error->message().find(shape_text(spoilt.shape)) != std::string::npos);
        }
      }
    }
    CHECK(cases >= 100);
  }
}
