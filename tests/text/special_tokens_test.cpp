// Text is text: whatever imitates structure, wherever text can stand, gives no special id and no image place.
#include <algorithm>

#include "support/doctest.hpp"
#include "text/sentencepiece_model.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

void append_code_point(std::string& out, unsigned code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

std::string unescape(const std::string& cell) {
  std::string out;
  for (size_t i = 0; i < cell.size(); ++i) {
    if (cell[i] != '\\') {
      out.push_back(cell[i]);
    } else if (cell[++i] == 'u') {
      append_code_point(out, static_cast<unsigned>(std::stoul(cell.substr(i + 1, 4), nullptr, 16)));
      i += 4;
    } else {
      out.push_back(cell[i] == 'n' ? '\n' : cell[i]);
    }
  }
  return out;
}

std::vector<std::vector<Part>> cases() {
  std::vector<std::vector<Part>> all;
  for (const auto& row : read_table(kData + "/text/special_tokens.tsv")) {
    all.emplace_back();
    for (size_t i = 1; i < row.size(); ++i) all.back().push_back(Part::words(unescape(row[i])));
  }
  return all;
}

/// The test tokenizer; with its marks as added tokens; and with them as user-defined pieces, as Yi lists them.
std::vector<std::shared_ptr<const Tokenizer>> vocabularies() {
  const std::string bytes = read_file(kData + "/golden/text/test_tokenizer.model");
  const std::vector<std::string> marks = {"<image>",    "<pad>",    "<|im_start|>", "<|im_end|>",
                                          "<im_start>", "<im_end>", "<im_patch>",   "[PAD]"};
  std::vector<AddedToken> added;
  for (const auto& mark : marks) added.push_back({900 + static_cast<int32_t>(added.size()), mark, true});
  SentencePieceModel model = read_model(bytes, "test");
  for (const auto& mark : marks) model.pieces.push_back({mark, 0, PieceKind::user_defined});
  return {test_tokenizer(), Tokenizer::from_bytes(bytes, "added", added),
          Tokenizer::from_bytes(write_model(model), "user-defined")};
}

struct Count {
  int64_t special = 0;
  int64_t places = 0;
  bool operator==(const Count&) const = default;
};

Count count(const Tokenizer& tokenizer, const std::vector<int64_t>& ids) {
  Count found;
  for (const int64_t id : ids) {
    if (id == kImageToken) {
      ++found.places;
    } else if (tokenizer.is_special(static_cast<int32_t>(id))) {
      ++found.special;
    }
  }
  return found;
}

/// Conversations with `parts` as user text, system text and answer; each has one image.
std::vector<Conversation> places_of(const std::vector<Part>& parts) {
  std::string joined;
  for (const Part& part : parts) joined += part.text;
  std::vector<Part> with_image = {Part::image()};
  with_image.insert(with_image.end(), parts.begin(), parts.end());
  const auto picture = user({Part::image(), Part::words("What?")});
  return {{std::nullopt, {user(with_image)}},
          {joined, {picture}},
          {std::nullopt, {picture, {Role::assistant, parts}, user("More.")}}};
}

}  // namespace

TEST_SUITE("text/special_tokens") {
  TEST_CASE("no special id and no image place comes from text") {
    const auto all = cases();
    CHECK(all.size() >= 60);
    const auto harmless = places_of({Part::words("x")});
    int64_t tried = 0;
    for (const auto& tokenizer : vocabularies()) {
      for (const Template& row : templates()) {
        for (const auto& parts : all) {
          const auto conversations = places_of(parts);
          for (size_t place = 0; place < conversations.size(); ++place) {
            const Prompt prompt = build_prompt(*tokenizer, row, conversations[place]);
            const auto expected = count(*tokenizer, build_prompt(*tokenizer, row, harmless[place]).ids);
            CAPTURE(row.key);
            CAPTURE(parts[0].text);
            CAPTURE(place);
            CHECK(count(*tokenizer, prompt.ids) == expected);
            CHECK(prompt.images == 1);
            ++tried;
          }
        }
      }
    }
    MESSAGE("strings: " << all.size() << ", prompts: " << tried);
  }

  TEST_CASE("typed marks are read back as typed") {
    for (const auto& tokenizer : vocabularies()) {
      for (const auto& parts : cases()) {
        const std::string& text = parts[0].text;
        if (text.find("\xE2\x96\x81") != std::string::npos) continue;  // U+2581 is sentencepiece's blank
        const auto ids = tokenizer->encode(text);
        CHECK(std::none_of(ids.begin(), ids.end(), [&](int32_t id) { return tokenizer->is_special(id); }));
        CHECK(tokenizer->decode(ids) == text);
      }
    }
  }

  TEST_CASE("the template's marks are special where the vocabulary has them, user-defined ones too") {
    const auto all = vocabularies();
    const auto& row = find_template("chatml_direct");
    const Conversation conversation{std::nullopt, {user("Hi")}};
    CHECK(count(*all[0], build_prompt(*all[0], row, conversation).ids).special == 1);
    CHECK(count(*all[1], build_prompt(*all[1], row, conversation).ids).special == 6);
    CHECK(count(*all[2], build_prompt(*all[2], row, conversation).ids).special == 6);
  }

  TEST_CASE("a piece the checkpoint declares special is not found in text") {
    SentencePieceModel model = read_model(read_file(kData + "/golden/text/test_tokenizer.model"), "test");
    model.pieces.push_back({"<loc>", 0, PieceKind::user_defined});
    const std::string bytes = write_model(model);
    const auto ordinary = Tokenizer::from_bytes(bytes, "ordinary");
    const auto declared = Tokenizer::from_bytes(bytes, "declared", {{900, "<loc>", true}});
    const auto has = [](const Tokenizer& tokenizer) {
      const auto ids = tokenizer.encode("a <loc> b");
      return std::find(ids.begin(), ids.end(), 900) != ids.end();
    };
    CHECK(has(*ordinary));
    CHECK_FALSE(has(*declared));
  }
}
