// Running out of memory is a status, never an end. Each scenario is run once to count its allocations, then again and
// again with one of them refused, alone or with all that follow; after each the same call must succeed and answer the
// same. By default a spread of allocations is refused, with LLAVA_FAULTS=all every one.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <new>
#include <set>
#include <string>
#include <vector>

#include "failing_malloc.hpp"
#include "fixture.hpp"

namespace {

/// What a scenario does: the first status that is not OK, else OK and what came out.
struct Outcome {
  llava_status status = LLAVA_OK;
  std::string result;
};
using Scenario = std::function<Outcome()>;

constexpr int64_t kRoom = 32 << 20;               // bytes; a tiny model loads with them
constexpr int64_t kBeginning = 40, kSpread = 60;  // the first allocations, and as many again over the rest

std::vector<int64_t> chosen(int64_t allocations) {
  const char* const wish = std::getenv("LLAVA_FAULTS");
  std::set<int64_t> places;
  if (wish != nullptr && std::string(wish) == "all") {
    for (int64_t i = 0; i < allocations; ++i) places.insert(i);
  } else {
    for (int64_t i = 0; i < std::min(allocations, kBeginning); ++i) places.insert(i);
    for (int64_t i = 0; i < kSpread; ++i) places.insert(i * allocations / kSpread);
  }
  return {places.begin(), places.end()};
}

Outcome refused(const Scenario& scenario, int64_t which, faults::Mode mode) {
  Outcome outcome{LLAVA_ERR_OUT_OF_MEMORY, {}};
  faults::arm(which, mode);
  try {
    outcome = scenario();
  } catch (const std::bad_alloc&) {  // a string of the scenario's own: the functions of the library are noexcept
  }
  faults::disarm();
  return outcome;
}

// `instead`: what a library underneath may answer in place of OUT_OF_MEMORY, and the header says so.
void survives(const char* name, const Scenario& scenario, llava_status instead = LLAVA_ERR_OUT_OF_MEMORY) {
  REQUIRE(scenario().status == LLAVA_OK);  // warm: caches, lazily made tables
  faults::count();
  const auto expected = scenario();
  const auto allocations = faults::disarm();
  REQUIRE(expected.status == LLAVA_OK);
  REQUIRE(allocations > 0);
  int64_t injected = 0, told = 0;
  for (const auto which : chosen(allocations)) {
    for (const auto mode : {faults::Mode::once, faults::Mode::from_then_on}) {
      CAPTURE(which);
      CAPTURE(static_cast<int>(mode));
      const auto outcome = refused(scenario, which, mode);
      injected += faults::failures();
      told += outcome.status == LLAVA_ERR_OUT_OF_MEMORY;
      // A refusal may be survived where memory was only wanted for speed; then the answer must be the same.
      const bool right = outcome.status == LLAVA_ERR_OUT_OF_MEMORY || outcome.status == instead ||
                         (outcome.status == LLAVA_OK && outcome.result == expected.result);
      CHECK_MESSAGE(right,
                    name << ": " << llava_status_name(outcome.status) << ": " << std::string(llava_last_error()));
      const auto again = scenario();
      CHECK(again.status == LLAVA_OK);
      CHECK(again.result == expected.result);
    }
  }
  CHECK(told > 0);
  std::printf("[faults] %-18s %6lld allocations, %7lld refused, %5lld times OUT_OF_MEMORY\n", name,
              static_cast<long long>(allocations), static_cast<long long>(injected), static_cast<long long>(told));
}

/// Runs steps until one fails.
#define STEP(call)                                                                  \
  do {                                                                              \
    if (const auto failed = (call); failed != LLAVA_OK) return Outcome{failed, {}}; \
  } while (false)

std::string text_of(const llava_string* string) { return {llava_string_data(string), llava_string_size(string)}; }

Outcome picture(const std::string& path) {
  Owned<llava_image> image;
  STEP(llava_image_from_file(path.c_str(), nullptr, image.out()));
  llava_image_desc desc = {};
  desc.struct_size = sizeof desc;
  STEP(llava_image_info(image, &desc));
  return {LLAVA_OK, std::to_string(desc.width) + "x" + std::to_string(desc.height)};
}

Outcome answer(llava_session* session, const char* text) {
  const auto options = short_chat();
  Owned<llava_message> message;
  Owned<llava_response> response;
  STEP(llava_message_create(LLAVA_ROLE_USER, message.out()));
  STEP(llava_message_add_image(message, fixture().image));
  STEP(llava_message_add_text(message, text));
  STEP(llava_chat(session, message, &options, response.out()));
  return {LLAVA_OK, llava_response_text(response, 0)};
}

TEST_CASE("pictures of every format") {
  const std::string folder = LLAVA_TEST_DATA "/golden/image/pictures/";
  for (const char* name : {"baseline-420.jpg", "exif-6.png", "bits-8.bmp", "colours-256.gif"})
    survives(name, [&] { return picture(folder + name); });
  survives(
      "exif-8.webp", [&] { return picture(folder + "exif-8.webp"); }, LLAVA_ERR_FORMAT);
}

Outcome load() {
  Owned<llava_model> model;
  Owned<llava_string> info;
  STEP(llava_load(fixture().model_path.c_str(), nullptr, model.out()));
  STEP(llava_model_info_json(model, info.out()));
  return {LLAVA_OK, text_of(info)};
}

int64_t address_space() {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

// sentencepiece cannot bear a single refused allocation (protobuf destroys what it was filling); the library makes sure
// of the memory first. So the load is tried as the system refuses memory: by a limit of the process, wider each time.
TEST_CASE("a model is loaded") {
  const auto expected = load();
  REQUIRE(expected.status == LLAVA_OK);
  rlimit before = {};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  int told = 0, loaded = 0;
  for (int64_t room = 0; room <= kRoom; room += kRoom / 256) {
    CAPTURE(room);
    rlimit tight = before;
    tight.rlim_cur = static_cast<rlim_t>(address_space() + room);
    REQUIRE(setrlimit(RLIMIT_AS, &tight) == 0);
    const auto outcome = load();
    REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
    told += outcome.status == LLAVA_ERR_OUT_OF_MEMORY;
    loaded += outcome.status == LLAVA_OK;
    const bool right = outcome.status == LLAVA_ERR_OUT_OF_MEMORY || outcome.result == expected.result;
    CHECK_MESSAGE(right, "load: " << llava_status_name(outcome.status) << ": " << std::string(llava_last_error()));
    CHECK(load().result == expected.result);
  }
  std::printf("[faults] load under a limit of the address space: %d times OUT_OF_MEMORY, %d times loaded\n", told,
              loaded);
  CHECK(told > 0);
  CHECK(loaded > 0);
}

TEST_CASE("a picture is encoded") {
  survives("encode", [] {
    Owned<llava_embedding> embedding;
    Owned<llava_tensor> tensor;
    STEP(llava_encode_image(fixture().model, fixture().image, nullptr, embedding.out()));
    STEP(llava_embedding_tensor(embedding, tensor.out()));
    std::string numbers(1 << 16, '\0');
    size_t needed = 0;
    STEP(llava_tensor_copy_to_host(tensor, numbers.data(), numbers.size(), &needed));
    numbers.resize(needed);
    return Outcome{LLAVA_OK, numbers};
  });
}

TEST_CASE("logits of raw ids") {
  survives("forward", [] {
    Owned<llava_tensor> tensor;
    STEP(llava_forward(fixture().model, fixture().ids, 3, nullptr, 0, nullptr, tensor.out()));
    llava_tensor_desc desc = {};
    desc.struct_size = sizeof desc;
    STEP(llava_tensor_info(tensor, &desc));
    return Outcome{LLAVA_OK, std::to_string(desc.shape[0])};
  });
}

TEST_CASE("text to ids and back") {
  survives("tokens", [] {
    Owned<llava_string> text;
    int32_t ids[256];
    size_t count = 0;
    STEP(llava_tokenize(fixture().model, "What colour is the sky? Très bien, 好", 0, ids, 256, &count));
    STEP(llava_detokenize(fixture().model, ids, count, 0, text.out()));
    return Outcome{LLAVA_OK, text_of(text)};
  });
}

TEST_CASE("a conversation with a picture") {
  survives("chat", [] {
    Owned<llava_session> session;
    STEP(llava_session_create(fixture().model, nullptr, session.out()));
    return answer(session, "What is this?");
  });
}

TEST_CASE("a turn that runs out of memory leaves the session as it was") {
  Owned<llava_session> session;
  REQUIRE(llava_session_create(fixture().model, nullptr, session.out()) == LLAVA_OK);
  REQUIRE(answer(session, "What is this?").status == LLAVA_OK);
  const int32_t turns = llava_session_turn_count(session);
  survives("second turn", [&] {
    const auto outcome = answer(session, "And this?");
    if (outcome.status != LLAVA_OK) {
      // asserted inside: a failure must leave nothing behind
      return llava_session_turn_count(session) == turns ? outcome : Outcome{LLAVA_ERR_INTERNAL, {}};
    }
    STEP(llava_session_rewind(session, turns));
    return outcome;
  });
}

TEST_CASE("a stream") {
  survives("stream", [] {
    Owned<llava_session> session;
    Owned<llava_message> message(fixture().message);
    llava_message_retain(message);
    Owned<llava_stream> stream;
    const auto options = short_chat();
    STEP(llava_session_create(fixture().model, nullptr, session.out()));
    STEP(llava_chat_start(session, message, &options, stream.out()));
    std::string text;
    while (true) {
      Owned<llava_event> event;
      const auto status = llava_stream_next(stream, -1, event.out());
      if (status == LLAVA_END) return Outcome{LLAVA_OK, text};
      STEP(status);
      size_t size = 0;
      if (llava_event_type(event) == LLAVA_EVENT_TEXT) {
        const char* const piece = llava_event_text(event, &size);
        text.append(piece, size);
      }
    }
  });
}

TEST_CASE("sessions are saved, opened, forked, written as JSON") {
  Owned<llava_session> session(fixture().fresh(static_cast<llava_session*>(nullptr)));
  const std::string path = fixture().folder + "/faults.session";
  survives("session files", [&] {
    Owned<llava_session> opened, forked;
    Owned<llava_string> history;
    STEP(llava_session_save(session, path.c_str()));
    STEP(llava_session_load(fixture().model, path.c_str(), opened.out()));
    STEP(llava_session_fork(opened, forked.out()));
    STEP(llava_session_history_json(forked, history.out()));
    return Outcome{LLAVA_OK, text_of(history)};
  });
}

}  // namespace
