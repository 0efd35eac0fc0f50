// Sessions with a LLaVA-NeXT: pictures of several sizes take different numbers of positions, and are counted as such.
#include "base/error.hpp"
#include "generate/support.hpp"

using namespace llava::core;

namespace {

const std::string kNext = LLAVA_TEST_DATA "/checkpoints/golden/hf_next";

std::shared_ptr<const Bundle> next() {
  static const auto bundle = load_bundle(kNext, {});
  return bundle;
}

std::shared_ptr<const HashedPicture> noise(int32_t width, int32_t height) {
  Picture made;
  made.width = width;
  made.height = height;
  for (int32_t i = 0; i < width * height * 3; ++i) made.rgb.push_back(static_cast<uint8_t>(i * 37 + i / 11));
  return std::make_shared<const HashedPicture>(std::move(made));
}

}  // namespace

TEST_SUITE("generate/next") {
  TEST_CASE("each picture takes the positions its size makes") {
    const auto wide = noise(50, 20), tall = noise(11, 40);
    REQUIRE(next()->image_tokens(50, 20) != next()->image_tokens(11, 40));
    const auto session = Session::create(next(), {});
    const auto first = ask(*session, question("One.", wide));
    CHECK(first.usage.image_tokens == next()->image_tokens(50, 20));
    const auto second = ask(*session, question("Two.", tall));
    CHECK(second.usage.image_tokens == next()->image_tokens(50, 20) + next()->image_tokens(11, 40));
    const auto used = session->used_tokens();
    const auto ids = session->prompt_ids();
    CHECK(used == static_cast<int64_t>(ids.size()) - 2 + second.usage.image_tokens);
    session->rewind(2);
    const auto again = ask(*session, question("Again.", wide));
    CHECK(again.usage.image_tokens == 2 * first.usage.image_tokens);
    CHECK(session->stats().image_hits == 1);
  }

  TEST_CASE("a saved session answers as the one that was saved") {
    const TemporaryFolder folder;
    const auto session = Session::create(next(), {});
    ask(*session, question("One.", noise(44, 110)));
    session->save(folder / "s");
    const auto loaded = Session::load(next(), folder / "s");
    CHECK(loaded->used_tokens() == session->used_tokens());
    CHECK(ask(*loaded, question("And?")).ids == ask(*session, question("And?")).ids);
  }

  TEST_CASE("pictures too many for the context are refused with their positions") {
    SessionOptions options;
    options.max_context = 300;
    const auto session = Session::create(next(), options);
    const auto error = error_of([&] { ask(*session, question("One.", noise(60, 60))); });
    CHECK(error.status() == Status::context_full);
    const auto rows = next()->image_tokens(60, 60);
    CHECK(rows == 192);
    CHECK(error.message().find(cat("(", rows, " of pictures)")) != std::string::npos);
    CHECK(ask(*session, question("One.", noise(1, 300))).usage.image_tokens < rows);
  }
}
