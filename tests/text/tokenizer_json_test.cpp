// A tokenizer.json against the `tokenizers` library: ids of random texts in ten scripts, decoded ids, spans, roles.
#include <algorithm>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "support/doctest.hpp"
#include "text_support.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

const std::string kFolder = kData + "/golden/text/";
constexpr const char* kFamilies[] = {"llama", "mistral", "gpt2", "llama3", "qwen2", "other"};

std::shared_ptr<const Tokenizer> family(const std::string& name) {
  return Tokenizer::from_json_file(kFolder + "json-" + name + ".json");
}

class Checksum {
 public:
  void add(std::string_view bytes) {
    for (const unsigned char byte : bytes) value_ = (value_ ^ byte) * 0x01000193u;
  }
  void add(int32_t id) {
    for (int shift = 0; shift < 32; shift += 8) add(std::string(1, static_cast<char>(id >> shift)));
  }
  std::string text() const {
    std::string digits(8, '0');
    for (size_t i = 0; i < 8; ++i) digits[i] = "0123456789abcdef"[value_ >> (28 - 4 * i) & 15];
    return digits;
  }

 private:
  uint32_t value_ = 0x811C9DC5u;
};

/// The sequences of make_tokenizer_json.py.
std::vector<std::vector<int32_t>> sequences(int32_t size) {
  uint64_t state = 1;
  const auto draw = [&](int32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(below));
  };
  std::vector<std::vector<int32_t>> all(500);
  for (auto& ids : all) {
    const bool narrow = draw(2) == 1;
    ids.resize(static_cast<size_t>(1 + draw(12)));
    for (int32_t& id : ids) id = draw(narrow ? std::min(size, 300) : size);
  }
  return all;
}

std::string streamed(const std::shared_ptr<const Tokenizer>& tokenizer, const std::vector<int32_t>& ids) {
  Detokenizer words(tokenizer);
  std::string text;
  for (const int32_t id : ids) {
    const std::string piece = words.push(id);
    CHECK(valid_utf8(piece));
    text += piece;
  }
  return text + words.flush();
}

}  // namespace

TEST_SUITE("text/tokenizer_json") {
  TEST_CASE("ids are those of the reference, in every family") {
    const auto texts = read_json(kFolder + "json-fuzz.json");
    const auto sums = read_json(kFolder + "json-sums.json");
    const auto spelled = read_json(kFolder + "json-ids.json");
    REQUIRE(texts.size() == 2000);
    for (const std::string name : kFamilies) {
      CAPTURE(name);
      const auto tokenizer = family(name);
      CHECK(tokenizer->size() == sums[name]["tokens"].get<int32_t>());
      const auto expected = sums[name]["encode"].get<std::string>();
      int different = 0;
      for (size_t i = 0; i < texts.size(); ++i) {
        const auto ids = tokenizer->encode(texts[i].get<std::string>());
        if (i < spelled[name].size()) CHECK(ids == spelled[name][i].get<std::vector<int32_t>>());
        Checksum sum;
        for (const int32_t id : ids) sum.add(id);
        const bool equal = sum.text() == expected.substr(8 * i, 8);
        if (!equal && ++different == 1) MESSAGE("first difference: text " << i << ", " << texts[i].dump());
      }
      CHECK(different == 0);
    }
  }

  TEST_CASE("a file converted from a sentencepiece model gives that model's ids") {
    const auto texts = read_json(kFolder + "json-fuzz.json");
    const auto converted = family("converted");
    for (const auto& text : texts) {
      const auto words = text.get<std::string>();
      CHECK(converted->encode(words) == test_tokenizer()->encode(words));
    }
  }

  TEST_CASE("decoded ids are the reference's, whole and streamed") {
    const auto sums = read_json(kFolder + "json-sums.json");
    for (const std::string name : kFamilies) {
      CAPTURE(name);
      const auto tokenizer = family(name);
      const auto expected = sums[name]["decode"].get<std::string>();
      int different = 0;
      size_t i = 0;
      for (const auto& ids : sequences(tokenizer->size())) {
        const std::string text = tokenizer->decode(ids);
        CHECK(streamed(tokenizer, ids) == text);
        Checksum sum;
        sum.add(text);
        if (sum.text() != expected.substr(8 * i++, 8)) ++different;
      }
      CHECK(different == 0);
    }
  }

  TEST_CASE("typed names of special tokens are text") {
    for (const std::string name : kFamilies) {
      CAPTURE(name);
      const auto tokenizer = family(name);
      for (const char* typed : {"<s>", "</s>", "<unk>", "<image>", "<pad>", "<|endoftext|>", "<|eot_id|>",
                                "<|im_start|>", "<0x0A>", "a<image>b", "a <s> ", "<s><s>"}) {
        CAPTURE(typed);
        const auto ids = tokenizer->encode(typed);
        CHECK(std::none_of(ids.begin(), ids.end(), [&](int32_t id) { return tokenizer->is_special(id); }));
        if (name != "other") CHECK(tokenizer->decode(ids).find(typed) != std::string::npos);  // it drops text
      }
    }
    CHECK(family("llama")->special_id("<image>") == 1500);
    CHECK(family("qwen2")->special_id("<|im_start|>") == 1501);
  }

  TEST_CASE("added tokens that are not special are found in text") {
    const auto gpt2 = family("gpt2");
    const auto pieces = [&](const std::string& text) {
      std::vector<std::string> all;
      for (const int32_t id : gpt2->encode(text)) all.emplace_back(gpt2->piece(id));
      return all;
    };
    CHECK(pieces("  <tool>") == std::vector<std::string>{"<tool>"});  // lstrip
    CHECK(pieces(" </tool> \n").size() == 1);                         // both
    CHECK(pieces("###") == std::vector<std::string>{"###"});          // single_word
    CHECK(pieces("###a").front() != "###");
    CHECK(gpt2->encode_spans("a  <tool>b")[1].begin == 1);
  }

  TEST_CASE("spans tile the text and follow characters") {
    const std::string text = "A boat,  \xE5\xAD\x97 \xF0\x9F\x98\x80 e\xCC\x81\n\xFF\xE0\xA4\x95 12";
    for (const std::string name : kFamilies) {
      CAPTURE(name);
      if (name == "other") continue;  // it drops text
      int64_t end = 0;
      for (const TokenSpan& token : family(name)->encode_spans(text)) {
        CHECK(token.begin == end);
        CHECK(token.end >= token.begin);
        end = token.end;
      }
      CHECK(end == static_cast<int64_t>(text.size()));
    }
    const auto spans = family("llama")->encode_spans("\xF0\x9F\x98\x80");  // a blank, then four bytes of one character
    REQUIRE(spans.size() == 5);
    CHECK(spans[3].end == 0);
    CHECK(spans[4].begin == 0);
    CHECK(spans[4].end == 4);
  }

  TEST_CASE("roles come from the post-processor and from the names a folder gives") {
    CHECK(family("llama")->bos() == 1);
    CHECK(family("llama")->eos() == 2);
    CHECK(family("llama")->unk() == 0);
    CHECK(family("llama")->pad() == 1501);
    CHECK(family("qwen2")->bos() == -1);
    CHECK(family("qwen2")->eos() == -1);
    CHECK(family("llama3")->piece(family("llama3")->bos()) == "<|begin_of_text|>");
    const std::string path = kFolder + "json-qwen2.json";
    const auto named = Tokenizer::from_json_file(path, {}, {"", "<|im_end|>", "", "<|endoftext|>", {}});
    CHECK(named->piece(named->eos()) == "<|im_end|>");
    CHECK(named->piece(named->pad()) == "<|endoftext|>");
    CHECK(Tokenizer::from_json_file(kFolder + "json-llama.json", {}, {"<s>", "</s>", "", "", false})->bos() == -1);
    CHECK(error_of([&] {
            Tokenizer::from_json_file(path, {}, {"", "<end>", "", "", {}});
          }).message() == path + ": the eos_token \"<end>\" is no token");
    CHECK(family("llama")->kind() == "bpe");
    CHECK(family("gpt2")->kind() == "byte-level bpe");
    CHECK(test_tokenizer()->kind() == "sentencepiece");
  }

  TEST_CASE("a prompt without BOS begins with its text") {
    const auto tokenizer = family("qwen2");
    const Prompt prompt =
        build_prompt(*tokenizer, find_template("none"), {{}, {user({Part::words("hi "), Part::image()})}});
    CHECK(prompt.ids.front() == tokenizer->encode("hi ").front());
    CHECK(prompt.ids.back() == kImageToken);
  }

  TEST_CASE("a folder's other files add tokens, and must agree") {
    const std::string path = kFolder + "json-llama.json";
    const auto more = Tokenizer::from_json_file(path, {{1500, "<image>", true}, {1503, "<im_start>", true}});
    CHECK(more->size() == 1504);
    CHECK(more->special_id("<im_start>") == 1503);
    CHECK(more->decode(std::vector<int32_t>{1502, 1503}).empty());
    const auto found = Tokenizer::from_json_file(path, {{1502, "<tool>", false}});
    CHECK(found->encode("<tool>") == std::vector<int32_t>{1502});
    CHECK(error_of([&] { Tokenizer::from_json_file(path, {{5, "<x>", true}}); }).status() == Status::format);
    CHECK(error_of([&] { Tokenizer::from_json_file(path, {{900000, "<x>", true}}); }).status() == Status::format);
  }

  TEST_CASE("texts above the limit are refused, empty ones give nothing") {
    const auto tokenizer = family("llama3");
    CHECK(tokenizer->encode("").empty());
    const std::string text(static_cast<size_t>(16 * limits::kTextPartBytes) + 1, 'a');
    CHECK(error_of([&] { tokenizer->encode(text); }).status() == Status::limit);
  }

  TEST_CASE("long words and long runs of marks take no more than their share of time") {
    std::string marks = "e", letters, blanks;
    for (int i = 0; i < 100000; ++i) marks += i % 2 ? "\xCC\x81" : "\xCC\xA3";  // classes 230 and 220 in turn
    for (int i = 0; i < 300000; ++i) letters += static_cast<char>('a' + (i % 26) * (i % 17) % 26);
    blanks.assign(300000, ' ');
    for (const std::string name : kFamilies) {
      if (name == "other") continue;
      const auto tokenizer = family(name);
      for (const auto& text : {marks, letters, blanks}) CHECK(tokenizer->encode(text).size() > 10);
    }
  }
}
