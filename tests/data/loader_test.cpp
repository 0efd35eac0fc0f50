// Samples made ahead: the same for any number of threads, in order, stoppable, failures told in their turn.
#include <thread>

#include "data/loader.hpp"
#include "data_support.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

const std::string kPictures = std::string(LLAVA_TEST_DATA) + "/golden/image/pictures";

/// Forty records with pictures of the image tests; `broken` of them name a picture that is not there.
std::string forty_records(const std::vector<int>& broken = {}) {
  std::string text = "[";
  for (int i = 0; i < 40; ++i) {
    const bool bad = std::find(broken.begin(), broken.end(), i) != broken.end();
    const std::string picture = bad ? "gone.png" : i % 2 ? "baseline-420.jpg" : "photo.png";
    const std::vector<std::string> images = i % 5 == 4 ? std::vector<std::string>() : std::vector{picture};
    text += (i ? ",\n" : "") +
            record_json("id" + std::to_string(i), images,
                        {{"human", (images.empty() ? "Number " : "<image>\nNumber ") + std::to_string(i)},
                         {"gpt", "It is " + std::to_string(i * i)}});
  }
  return text + "]";
}

LoaderOptions options_of(int32_t threads, int64_t skip_bad = 0) {
  LoaderOptions options;
  options.pictures.root = kPictures;
  options.pictures.preprocess = clip_preprocess(28);
  options.threads = threads;
  options.ahead = 5;
  options.skip_bad = skip_bad;
  return options;
}

std::vector<int64_t> backwards(int64_t count) {
  std::vector<int64_t> order;
  for (int64_t i = count; i-- > 0;) order.push_back(i);
  return order;
}

struct Bench {
  TemporaryFolder folder;
  std::shared_ptr<const RecordIndex> index;
  std::shared_ptr<const SampleMaker> maker =
      std::make_shared<const SampleMaker>(test_tokenizer(), rules_of("llava_v1"));

  explicit Bench(const std::string& text) : index(index_of(folder, text)) {}

  std::vector<LoadedSample> all(const LoaderOptions& options) const {
    Loader loader(index, maker, backwards(index->size()), options);
    std::vector<LoadedSample> out;
    for (LoadedSample sample; loader.next(sample);) out.push_back(std::move(sample));
    return out;
  }
};

}  // namespace

TEST_SUITE("data/loader") {
  TEST_CASE("what comes out does not depend on threads or depth") {
    const Bench bench(forty_records());
    const auto expected = bench.all(options_of(1));
    REQUIRE(expected.size() == 40);
    CHECK(expected[0].id == "id39");
    CHECK(expected[1].pixels.size() == 1);
    CHECK(expected[1].pixels[0].values.size() == 3 * 28 * 28);
    for (const int32_t threads : {2, 3, 4}) {
      auto options = options_of(threads);
      options.ahead = 1 + threads * 3 % 7;
      const auto again = bench.all(options);
      REQUIRE(again.size() == expected.size());
      for (size_t i = 0; i < again.size(); ++i) {
        CHECK(again[i].position == static_cast<int64_t>(i));
        CHECK(again[i].id == expected[i].id);
        CHECK(again[i].sample.ids == expected[i].sample.ids);
        CHECK(again[i].sample.labels == expected[i].sample.labels);
        REQUIRE(again[i].pixels.size() == expected[i].pixels.size());
        for (size_t k = 0; k < again[i].pixels.size(); ++k)
          CHECK(again[i].pixels[k].values == expected[i].pixels[k].values);
      }
    }
  }

  TEST_CASE("the first failure in order is the one that is told, with record, id and path") {
    const Bench bench(forty_records({3, 21, 30}));
    for (const int32_t threads : {1, 4}) {
      Loader loader(bench.index, bench.maker, backwards(40), options_of(threads));
      LoadedSample sample;
      int64_t good = 0;
      const auto error = error_of([&] {
        while (loader.next(sample)) ++good;
      });
      CHECK(good == 9);
      CHECK(error.status() == Status::not_found);
      CHECK(error.message().find("data.json: record 31 (byte ") == 0);
      CHECK(error.message().find("id \"id30\"") != std::string::npos);
      CHECK(error.message().find("gone.png") != std::string::npos);
      CHECK(error_of([&] { loader.next(sample); }).message() == error.message());
    }
  }

  TEST_CASE("records may be skipped up to a number, and are named") {
    const Bench bench(forty_records({3, 21, 30}));
    Loader loader(bench.index, bench.maker, backwards(40), options_of(3, 3));
    int64_t skipped = 0;
    for (LoadedSample sample; loader.next(sample);) {
      skipped += sample.skipped;
      CHECK(sample.skipped == (sample.record == 3 || sample.record == 21 || sample.record == 30));
      CHECK(sample.problem.empty() != sample.skipped);
    }
    CHECK(skipped == 3);
    REQUIRE(loader.skipped().size() == 3);
    CHECK(loader.skipped()[0].find("record 31 ") != std::string::npos);
    CHECK(loader.skipped()[2].find("record 4 ") != std::string::npos);
    CHECK(bench.all(options_of(2, -1)).size() == 40);

    const auto error = error_of([&] { bench.all(options_of(2, 2)); });
    CHECK(error.message().find("record 4 (") != std::string::npos);
    CHECK(error.message().find("and 2 were skipped before, no more may be:\n  data.json: record 31") !=
          std::string::npos);
  }

  TEST_CASE("a sample without a target is unusable") {
    const Bench bench("[" + record_json("a", {}, {{"human", "Hm?"}}) + "]");
    CHECK(error_of([&] { bench.all(options_of(1)); }).message().find("it has no answer to learn from") !=
          std::string::npos);
  }

  TEST_CASE("cancelling ends the wait, and the threads") {
    const Bench bench(forty_records());
    CancelToken token;
    auto options = options_of(2);
    options.cancel = Cancel(&token);
    Loader loader(bench.index, bench.maker, backwards(40), options);
    LoadedSample sample;
    REQUIRE(loader.next(sample));
    token.cancel();
    CHECK(error_of([&] { loader.next(sample); }).status() == Status::cancelled);
  }

  TEST_CASE("a loader can be dropped at any moment") {
    const Bench bench(forty_records());
    for (int taken = 0; taken < 8; ++taken) {
      Loader loader(bench.index, bench.maker, backwards(40), options_of(4));
      LoadedSample sample;
      for (int i = 0; i < taken; ++i) REQUIRE(loader.next(sample));
    }
  }

  TEST_CASE("a data file that is written to stops the run, skipping allowed or not") {
    const Bench bench(forty_records());
    auto options = options_of(1, -1);
    options.ahead = 1;
    Loader loader(bench.index, bench.maker, backwards(40), options);
    bench.folder.write("data.json", "[]");
    LoadedSample sample;
    const auto error = error_of([&] {
      while (loader.next(sample)) {
      }
    });
    CHECK(error.status() == Status::io);
  }

  TEST_CASE("indices and options out of range are refused") {
    const Bench bench(forty_records());
    CHECK(error_of([&] { Loader(bench.index, bench.maker, {40}, options_of(1)); }).message() ==
          "data.json: record 41 of 40");
    CHECK(error_of([&] { Loader(bench.index, bench.maker, {0}, options_of(0)); }).status() == Status::argument);
  }
}

TEST_SUITE("data/pictures") {
  TEST_CASE("paths stay below the folder of pictures") {
    const auto record = record_of({"a.png"}, {{"human", "<image>"}, {"gpt", "x"}});
    PictureRules rules;
    rules.root = "/data";
    CHECK(picture_path(record, "coco/a.png", rules) == "/data/coco/a.png");
    CHECK(picture_path(record, "a..b/..c.png", rules) == "/data/a..b/..c.png");
    for (const char* path : {"/etc/passwd", "../a.png", "a/../../b.png", "a/..", ".."}) {
      const auto error = error_of([&] { picture_path(record, path, rules); });
      CHECK(error.status() == Status::format);
      CHECK(error.message().find("lies outside of the folder of pictures") != std::string::npos);
    }
    rules.allow_outside = true;
    CHECK(picture_path(record, "/x/a.png", rules) == "/x/a.png");
    CHECK(picture_path(record, "../a.png", rules) == "/data/../a.png");
  }
}
