// Dialogues that come from outside: pictures that wait to be encoded, raw ids, files.
#include <cmath>
#include <cstring>

#include "generate/support.hpp"
#include "weights/safetensors.hpp"
#include "weights/safetensors_header.hpp"

using namespace llava::core;

namespace {

Turn answer(const std::string& text) {
  auto turn = question(text);
  turn.role = Role::assistant;
  return turn;
}

std::shared_ptr<Session> waiting() {
  auto session = Session::create(tiny(), {});
  session->set_turns({question("What is this?", picture("wide.jpg")), answer("A picture.")});
  return session;
}

std::shared_ptr<const ImageEmbedding> some_embedding() {
  const auto image = picture("tall.png");
  return std::make_shared<const ImageEmbedding>(encode_pictures(*tiny(), {image.get()}, {})[0]);
}

}  // namespace

TEST_SUITE("generate/pending") {
  TEST_CASE("a picture that waits to be encoded is counted, listed and saved") {
    const auto hash = picture("wide.jpg")->hash();
    const auto expected = ask(*waiting(), question("And why?")).ids;
    CHECK(waiting()->history_json().find(cat("{\"type\":\"image\",\"hash\":\"", hash, "\"}")) != std::string::npos);
    const auto ids = waiting()->prompt_ids();
    CHECK(std::count(ids.begin(), ids.end(), -200) == 1);
    CHECK(waiting()->used_tokens() == static_cast<int64_t>(ids.size()) - 1 + tiny()->config.tokens_per_image());

    const TemporaryFolder folder;
    const auto session = waiting();
    session->save(folder / "session.safetensors");
    const auto opened = Session::load(tiny(), folder / "session.safetensors");
    CHECK(opened->history_json() == session->history_json());
    CHECK(ask(*opened, question("And why?")).ids == expected);
    CHECK(opened->stats().images_encoded == 0);
    CHECK(ask(*session, question("And why?")).ids == expected);
    CHECK(session->stats().images_encoded == 1);
  }

  TEST_CASE("a turn can be appended after pictures that wait") {
    const auto session = waiting();
    session->append(question("And why?"), nullptr, -1);
    const auto response = session->start(std::nullopt, greedy())->finish();
    CHECK(response.ids == ask(*waiting(), question("And why?")).ids);
  }

  TEST_CASE("a fork takes waiting pictures along") {
    const auto copy = waiting()->fork();
    CHECK(ask(*copy, question("And why?")).ids == ask(*waiting(), question("And why?")).ids);
  }

  TEST_CASE("raw ids are named in the history with the pictures at their places") {
    const auto session = Session::create(tiny(), {std::nullopt, "none", 0});
    const auto embedding = some_embedding();
    session->append(raw_turn({1, 5, -200, 6}, {embedding}), nullptr, -1);
    CHECK(session->history_json() ==
          cat("[{\"role\":\"user\",\"content\":[{\"type\":\"ids\",\"ids\":[1,5,-200,6],\"images\":[\"",
              embedding->picture, "\"]}]}]"));
  }

  TEST_CASE("the id a checkpoint writes where pictures stand is refused with the one to use") {
    const auto session = Session::create(tiny(), {std::nullopt, "none", 0});
    const auto error = error_of([&] { session->append(raw_turn({1, 5, 300, 6}), nullptr, -1); });
    CHECK(error.status() == Status::argument);
    CHECK(error.message() ==
          "ids[2] is 300, the mark of a picture in this checkpoint: use -200 (LLAVA_IMAGE_TOKEN), once for each "
          "embedding");
    const Variant beyond("config.json", "\"image_token_index\": 300", "\"image_token_index\": 306");
    CHECK(error_of([&] { beyond.load(); }).message().find("image_token_index is 306") != std::string::npos);
  }

  TEST_CASE("ids are bounded by the vocabulary: rows beyond the tokenizer are ids too") {
    const auto session = Session::create(tiny(), {std::nullopt, "none", 0});
    REQUIRE(tiny()->tokenizer->size() == 302);
    session->append(raw_turn({1, 5, 305}), nullptr, -1);
    const auto ids = session->prompt_ids();
    CHECK(ids == std::vector<int64_t>{1, 5, 305});
    CHECK(error_of([&] { session->append(raw_turn({306}), nullptr, -1); }).message() ==
          "ids[0] is 306, expected 0 … 305, or -200 (LLAVA_IMAGE_TOKEN) for an embedding");
  }

  TEST_CASE("a file whose rows are not finite is refused") {
    const TemporaryFolder folder;
    const auto session = waiting();
    session->save(folder / "good.safetensors");
    const auto metadata = read_safetensors_header(folder / "good.safetensors").metadata;
    const auto good = open_safetensors(folder / "good.safetensors", {});
    auto view = *good.find("image.0");
    std::vector<std::byte> bytes(view.data, view.data + view.size_bytes);
    const float bad = std::nanf("");
    std::memcpy(bytes.data() + 8, &bad, sizeof bad);
    view.data = bytes.data();
    write_safetensors(folder / "bad.safetensors", {&view, 1}, metadata);
    const auto error = error_of([&] { Session::load(tiny(), folder / "bad.safetensors"); });
    CHECK(error.status() == Status::format);
    CHECK(error.message().find("image.0 holds NaN or infinity") != std::string::npos);
  }

  TEST_CASE("a session says at once when its system text cannot be used") {
    const auto status = [](const SessionOptions& options) {
      return error_of([&] { Session::create(tiny(), options); }).status();
    };
    for (const char* name : {"plain", "none"}) CHECK(status({"Be brief.", name, 0}) == Status::unsupported);
    CHECK(Session::create(tiny(), {"", "plain", 0})->turn_count() == 0);
    for (const char* name : {"", "llava_v1", "llava_llama_2", "chatml_direct"}) {
      CAPTURE(name);
      CHECK(status({std::string(100000, 'x'), name, 0}) == Status::context_full);
      CHECK(Session::create(tiny(), {"Be brief.", name, 0})->turn_count() == 0);
    }
    CHECK(status({std::nullopt, "llava_v1", 2}) == Status::context_full);
    CHECK(status({std::string((1 << 20) + 1, 'x'), "", 0}) == Status::limit);
  }

  TEST_CASE("a cancel is heard while a large picture is hashed") {
    Picture large;
    large.width = large.height = 3000;
    large.rgb.assign(size_t{3000} * 3000 * 3, 7);
    const auto image = std::make_shared<const HashedPicture>(std::move(large));
    CancelToken token;
    token.cancel();
    CHECK(error_of([&] { image->hash(Cancel(&token)); }).status() == Status::cancelled);
    const auto& hash = image->hash();
    CHECK(hash == content_hash(*image));
    CHECK(&image->hash(Cancel(&token)) == &hash);  // known by now: nothing to cancel
  }
}
