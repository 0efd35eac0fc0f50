// The key-value cache of a session against a fresh one: whatever went wrong before, the next answer is the same.
#include <c10/core/InferenceMode.h>

#include "generate/support.hpp"

using namespace llava::core;

namespace {

// Three pieces of prompt and more.
const std::string kLong = [] {
  std::string text;
  for (int i = 0; i < 150; ++i) text += cat("sentence ", i, " of many. ");
  return text;
}();

std::shared_ptr<const Bundle> roomy() {
  static const Variant variant("config.json", "\"max_position_embeddings\": 512", "\"max_position_embeddings\": 4096");
  static const auto bundle = variant.load();
  return bundle;
}

std::vector<int32_t> fresh_answer(const std::string& text) {
  const auto session = Session::create(roomy(), {});
  return ask(*session, question(text)).ids;
}

// After a broken answer: the session itself, a fork of it and, after a reset, the session again answer like a new one.
void check_healthy(Session& session) {
  const auto copy = session.fork();
  const auto expected = fresh_answer("What is this?");
  CHECK(ask(*copy, question("What is this?")).ids == expected);
  CHECK(ask(session, question("What is this?")).ids == expected);
  session.reset();
  CHECK(session.stats().tokens_held == 0);
  CHECK(ask(session, question("What is this?")).ids == expected);
}

std::shared_ptr<const ImageEmbedding> encoded(const HashedPicture& image, std::optional<int64_t> layer) {
  const c10::InferenceMode no_gradients;
  FeatureChoice choice;
  choice.layer = layer;
  const auto& model = *tiny()->model;
  const auto rows = model.project(model.vision_features(picture_pixels(*tiny(), {&image}, {}), choice, {}))[0].clone();
  return std::make_shared<const ImageEmbedding>(ImageEmbedding{rows, image.hash(), tiny()->fingerprint});
}

Turn about(std::shared_ptr<const ImageEmbedding> embedding) {
  Turn turn = question("What is this?");
  auto& part = turn.parts.emplace_back();
  part.kind = TurnPart::Kind::embedding;
  part.embedding = std::move(embedding);
  return turn;
}

}  // namespace

TEST_SUITE("generate/cache") {
  TEST_CASE("an answer dropped after the first piece of its prompt leaves nothing behind") {
    const auto session = Session::create(roomy(), {});
    {
      const auto open = session->start(question(kLong), greedy());
      const auto event = open->next();
      REQUIRE(event->kind == Event::Kind::prefill);
      REQUIRE(event->progress < 0.5);
    }
    check_healthy(*session);
  }

  TEST_CASE("an answer cancelled after the first piece of its prompt leaves nothing behind") {
    const auto session = Session::create(roomy(), {});
    ask(*session, question("What is this?"));
    session->rewind(0);
    CancelToken token;
    auto options = greedy();
    options.cancel = &token;
    const auto open = session->start(question(kLong), options);
    REQUIRE(open->next()->progress < 0.5);
    token.cancel();
    CHECK(error_of([&] { open->next(); }).status() == Status::cancelled);
    check_healthy(*session);
  }

  TEST_CASE("an appended turn whose computing fails leaves nothing behind") {
    const auto session = Session::create(roomy(), {});
    CancelToken token;
    token.set_deadline_ms(0);
    CHECK(error_of([&] { session->append(question(kLong), &token, -1); }).status() == Status::timeout);
    CHECK(error_of([&] { session->append(question(kLong), nullptr, 20); }).status() == Status::timeout);
    CHECK(session->turn_count() == 0);
    check_healthy(*session);
  }

  TEST_CASE("an answer stopped while its prompt is read is empty and stays") {
    const auto session = Session::create(roomy(), {});
    const auto open = session->start(question(kLong), greedy());
    open->next();
    open->stop();
    const auto response = open->finish();
    CHECK(response.reason == FinishReason::cancelled);
    CHECK(response.text.empty());
    CHECK(session->turn_count() == 2);
    session->rewind(0);
    check_healthy(*session);
  }

  TEST_CASE("one picture encoded from two layers is two pictures to the cache") {
    const auto image = picture("wide.jpg");
    const auto usual = encoded(*image, std::nullopt), other = encoded(*image, 0);
    const auto session = Session::create(tiny(), {});
    ask(*session, about(usual));
    session->rewind(0);
    const auto second = ask(*session, about(other), greedy(24));
    const auto fresh = ask(*Session::create(tiny(), {}), about(other), greedy(24));
    CHECK(second.ids == fresh.ids);
    session->rewind(0);
    CHECK(ask(*session, about(encoded(*image, 0))).usage.cached_tokens == second.usage.prompt_tokens - 1);
  }

  TEST_CASE("a picture that comes back is found however many came between, and the oldest goes first") {
    const auto session = Session::create(tiny(), {});
    const auto colour = [](uint8_t value) {
      Picture plain;
      plain.width = plain.height = 8;
      plain.rgb.assign(8 * 8 * 3, value);
      return std::make_shared<const HashedPicture>(plain);
    };
    const auto look = [&](uint8_t value) {
      ask(*session, question("", colour(value)), greedy(1));
      session->rewind(0);
    };
    look(0);
    for (uint8_t value = 1; value < 30; ++value) {
      look(value);
      look(0);
    }
    CHECK(session->stats().images_encoded == 30);
    CHECK(session->stats().image_hits == 29);
  }
}
