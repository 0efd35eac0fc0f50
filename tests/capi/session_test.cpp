// Messages and sessions.
#include <fstream>

#include "fixture.hpp"

namespace {

llava_message* message(int32_t role, const char* text) {
  llava_message* made = nullptr;
  REQUIRE(llava_message_create(role, &made) == LLAVA_OK);
  if (text) REQUIRE(llava_message_add_text(made, text) == LLAVA_OK);
  return made;
}

std::string ask(llava_session* session, const llava_message* question, int32_t tokens = 4) {
  Owned<llava_response> answer;
  const auto options = short_chat(tokens);
  REQUIRE(llava_chat(session, question, &options, answer.out()) == LLAVA_OK);
  return llava_response_text(answer, 0);
}

std::string history(const llava_session* session) {
  llava_string* text = nullptr;
  REQUIRE(llava_session_history_json(session, &text) == LLAVA_OK);
  return take(text);
}

llava_session* new_session() {
  llava_session* session = nullptr;
  REQUIRE(llava_session_create(fixture().model, nullptr, &session) == LLAVA_OK);
  return session;
}

llava_session_usage stats(const llava_session* session) {
  Sized<llava_session_usage> usage;
  REQUIRE(llava_session_stats(session, usage.get()) == LLAVA_OK);
  return *usage.get();
}

llava_status from_json(const char* json) {
  Owned<llava_message> made;
  return llava_message_from_json(json, made.out());
}

}  // namespace

TEST_SUITE("capi/message") {
  TEST_CASE("parts come back in order") {
    Owned<llava_message> made(message(LLAVA_ROLE_USER, "one"));
    REQUIRE(llava_message_add_image(made, fixture().image) == LLAVA_OK);
    REQUIRE(llava_message_add_text_n(made, "t\0wo", 4) == LLAVA_OK);
    REQUIRE(llava_message_add_embedding(made, fixture().embedding) == LLAVA_OK);
    CHECK(llava_message_part_count(made) == 4);
    CHECK(llava_message_role(made) == LLAVA_ROLE_USER);
    size_t size = 0;
    CHECK(std::string(llava_message_text(made, 0, nullptr)) == "one");
    CHECK(std::string(llava_message_text(made, 1, &size)).empty());
    CHECK(std::string(llava_message_text(made, 2, &size)) == "t");
    CHECK(size == 4);
    Owned<llava_image> image;
    REQUIRE(llava_message_image(made, 1, image.out()) == LLAVA_OK);
    CHECK(image.handle != nullptr);
    REQUIRE(llava_message_image(made, 3, image.out()) == LLAVA_OK);
    CHECK(image.handle == nullptr);
    REQUIRE(llava_message_clear(made) == LLAVA_OK);
    CHECK(llava_message_part_count(made) == 0);
  }

  TEST_CASE("limits on parts, pictures and texts hold") {
    Owned<llava_message> made(message(LLAVA_ROLE_USER, nullptr));
    for (int i = 0; i < 64; ++i) REQUIRE(llava_message_add_image(made, fixture().image) == LLAVA_OK);
    CHECK(llava_message_add_image(made, fixture().image) == LLAVA_ERR_LIMIT);
    for (int i = 0; i < 1024 - 64; ++i) REQUIRE(llava_message_add_text(made, "") == LLAVA_OK);
    CHECK(llava_message_add_text(made, "") == LLAVA_ERR_LIMIT);
    const std::string longest((1 << 20) + 1, 'a');
    Owned<llava_message> other(message(LLAVA_ROLE_USER, nullptr));
    CHECK(llava_message_add_text(other, longest.c_str()) == LLAVA_ERR_LIMIT);
    CHECK(llava_message_add_text(other, longest.c_str() + 1) == LLAVA_OK);
  }

  TEST_CASE("a message goes to JSON and back with its picture") {
    Owned<llava_message> made(message(LLAVA_ROLE_USER, "say \"hi\"\n"));
    REQUIRE(llava_message_add_image(made, fixture().image) == LLAVA_OK);
    llava_string* json = nullptr;
    REQUIRE(llava_message_to_json(made, &json) == LLAVA_OK);
    const auto text = take(json);
    Owned<llava_message> back;
    REQUIRE(llava_message_from_json(text.c_str(), back.out()) == LLAVA_OK);
    CHECK(std::string(llava_message_text(back, 0, nullptr)) == "say \"hi\"\n");
    Owned<llava_image> image;
    Sized<llava_image_desc> a, b;
    REQUIRE(llava_message_image(back, 1, image.out()) == LLAVA_OK);
    REQUIRE(llava_image_info(image, a.get()) == LLAVA_OK);
    REQUIRE(llava_image_info(fixture().image, b.get()) == LLAVA_OK);
    CHECK(std::string(a->sha256) == b->sha256);
  }

  TEST_CASE("message JSON of the wrong shape is refused") {
    for (const char* json : {"{", "{\"role\":\"user\",\"role\":\"user\",\"content\":\"\"}"})
      CHECK(from_json(json) == LLAVA_ERR_FORMAT);
    for (const char* json :
         {"{}", "{\"role\":\"user\"}", "{\"content\":\"a\"}", "{\"role\":\"robot\",\"content\":\"a\"}",
          "{\"role\":1,\"content\":\"a\"}", "{\"role\":\"user\",\"content\":7}", "{\"role\":\"user\",\"content\":[7]}",
          "{\"role\":\"user\",\"content\":\"a\",\"x\":1}", "{\"role\":\"user\",\"content\":[{\"type\":\"sound\"}]}",
          "{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}",
          "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}"})
      CHECK(from_json(json) == LLAVA_ERR_INVALID_ARGUMENT);
    for (const char* address : {"http://a/b.png", "/etc/passwd", "file:///etc/passwd"}) {
      const auto json =
          std::string("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"") + address +
          "\"}}]}";
      CHECK(from_json(json.c_str()) == LLAVA_ERR_UNSUPPORTED);
    }
  }
}

TEST_SUITE("capi/session") {
  TEST_CASE("turns are kept, read, rewound and asked again") {
    Owned<llava_session> session(new_session());
    const auto first = ask(session, fixture().message);
    CHECK(llava_session_turn_count(session) == 2);
    Owned<llava_message> turn;
    REQUIRE(llava_session_turn(session, 1, turn.out()) == LLAVA_OK);
    CHECK(llava_message_role(turn) == LLAVA_ROLE_ASSISTANT);
    CHECK(llava_message_text(turn, 0, nullptr) == first);
    ask(session, fixture().message);
    CHECK(llava_session_turn_count(session) == 4);
    REQUIRE(llava_session_rewind(session, 0) == LLAVA_OK);
    CHECK(ask(session, fixture().message) == first);
    REQUIRE(llava_session_reset(session) == LLAVA_OK);
    CHECK(llava_session_turn_count(session) == 0);
    CHECK(ask(session, fixture().message) == first);
  }

  TEST_CASE("a picture is encoded once, and a new turn computes new tokens only") {
    auto& f = fixture();
    Owned<llava_session> session(new_session());
    Owned<llava_message> question(message(LLAVA_ROLE_USER, "What is this?"));
    REQUIRE(llava_message_add_image(question, f.image) == LLAVA_OK);
    ask(session, question);
    const auto before = stats(session);
    CHECK(before.images_encoded == 1);
    ask(session, f.message);
    const auto after = stats(session);
    CHECK(after.images_encoded == 1);
    CHECK(after.tokens_computed - before.tokens_computed < before.tokens_computed);
    REQUIRE(llava_session_rewind(session, 0) == LLAVA_OK);
    ask(session, question);
    CHECK(stats(session).images_encoded == 1);
    CHECK(stats(session).image_hits >= 1);
  }

  TEST_CASE("a fork goes its own way") {
    Owned<llava_session> session(new_session()), copy;
    ask(session, fixture().message);
    REQUIRE(llava_session_fork(session, copy.out()) == LLAVA_OK);
    CHECK(history(session) == history(copy));
    const auto answer = ask(copy, fixture().message);
    CHECK(llava_session_turn_count(session) == 2);
    CHECK(llava_session_turn_count(copy) == 4);
    CHECK(ask(session, fixture().message) == answer);
  }

  TEST_CASE("a saved session goes on where it was") {
    auto& f = fixture();
    const auto path = f.folder + "/dialogue.safetensors";
    Owned<llava_session> session(new_session()), opened;
    Owned<llava_message> question(message(LLAVA_ROLE_USER, "What is this?"));
    REQUIRE(llava_message_add_image(question, f.image) == LLAVA_OK);
    ask(session, question);
    REQUIRE(llava_session_save(session, path.c_str()) == LLAVA_OK);
    REQUIRE(llava_session_load(f.model, path.c_str(), opened.out()) == LLAVA_OK);
    CHECK(history(session) == history(opened));
    CHECK(ask(session, f.message) == ask(opened, f.message));
    CHECK(llava_session_save(session, "/nonexistent/folder/x") == LLAVA_ERR_NOT_FOUND);
    Owned<llava_model> other;
    REQUIRE(llava_load(LLAVA_TEST_DATA "/golden/model/tiny_new", nullptr, other.out()) == LLAVA_OK);
    CHECK(llava_session_load(other, path.c_str(), opened.out()) == LLAVA_ERR_UNSUPPORTED);
    std::ofstream(path) << "damaged";
    CHECK(llava_session_load(f.model, path.c_str(), opened.out()) == LLAVA_ERR_FORMAT);
  }

  TEST_CASE("a dialogue from elsewhere is taken over") {
    auto& f = fixture();
    Owned<llava_session> session;
    const char* const json =
        R"([{"role":"system","content":"Be brief."},{"role":"user","content":"hi"},{"role":"assistant","content":"hello"}])";
    REQUIRE(llava_session_from_json(f.model, json, nullptr, session.out()) == LLAVA_OK);
    CHECK(llava_session_turn_count(session) == 2);
    CHECK(stats(session).tokens_computed == 0);
    ask(session, f.message);
    const char* const late = R"([{"role":"user","content":"hi"},{"role":"system","content":"x"}])";
    CHECK(llava_session_from_json(f.model, late, nullptr, session.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    const char* const named = R"([{"role":"user","content":[{"type":"image","hash":"00"}]}])";
    CHECK(llava_session_from_json(f.model, named, nullptr, session.out()) == LLAVA_ERR_NOT_FOUND);
  }

  TEST_CASE("a picture from elsewhere is counted, shown and saved before anything was asked") {
    auto& f = fixture();
    const auto json = R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":")" + f.uri +
                      R"("}},{"type":"text","text":"hi"}]},{"role":"assistant","content":"hello"}])";
    Owned<llava_session> session, opened;
    REQUIRE(llava_session_from_json(f.model, json.c_str(), nullptr, session.out()) == LLAVA_OK);
    Sized<llava_image_desc> picture;
    REQUIRE(llava_image_info(f.image, picture.get()) == LLAVA_OK);
    CHECK(history(session).find(picture->sha256) != std::string::npos);
    int64_t used = 0, limit = 0;
    CHECK(llava_session_tokens(session, &used, &limit) == LLAVA_OK);
    CHECK(used > 9);
    const auto path = f.folder + "/elsewhere.safetensors";
    REQUIRE(llava_session_save(session, path.c_str()) == LLAVA_OK);
    REQUIRE(llava_session_load(f.model, path.c_str(), opened.out()) == LLAVA_OK);
    CHECK(history(opened) == history(session));
    CHECK(ask(opened, f.message) == ask(session, f.message));
    CHECK(stats(opened).images_encoded == 0);
  }

  TEST_CASE("a session that could never answer is not made") {
    auto& f = fixture();
    Owned<llava_session> session;
    const auto create = [&](const char* name, const char* system, int64_t context) {
      auto options = defaults<llava_session_options>();
      options.template_name = name;
      options.system = system;
      options.max_context = context;
      return llava_session_create(f.model, &options, session.out());
    };
    const std::string lengthy(100000, 'x');
    CHECK(create(nullptr, lengthy.c_str(), 0) == LLAVA_ERR_CONTEXT_FULL);
    CHECK(create(nullptr, nullptr, 2) == LLAVA_ERR_CONTEXT_FULL);
    CHECK(create("plain", "Be brief.", 0) == LLAVA_ERR_UNSUPPORTED);
    CHECK(create("none", "Be brief.", 0) == LLAVA_ERR_UNSUPPORTED);
    CHECK(create("plain", "", 0) == LLAVA_OK);
    CHECK(create("no such template", nullptr, 0) == LLAVA_ERR_NOT_FOUND);
  }

  TEST_CASE("appending computes now and answering comes later") {
    Owned<llava_session> session(new_session()), direct(new_session());
    const auto expected = ask(direct, fixture().message);
    REQUIRE(llava_session_append(session, fixture().message, nullptr) == LLAVA_OK);
    CHECK(stats(session).tokens_computed > 0);
    CHECK(ask(session, nullptr) == expected);
    Owned<llava_session> empty(new_session());
    Owned<llava_response> answer;
    CHECK(llava_chat(empty, nullptr, nullptr, answer.out()) == LLAVA_ERR_STATE);
    Owned<llava_message> instruction(message(LLAVA_ROLE_SYSTEM, "x"));
    CHECK(llava_session_append(session, instruction, nullptr) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("raw ids are a turn that can be answered") {
    auto& f = fixture();
    Owned<llava_session> session;
    auto options = defaults<llava_session_options>();
    options.template_name = "none";
    REQUIRE(llava_session_create(f.model, &options, session.out()) == LLAVA_OK);
    const int32_t ids[] = {1, LLAVA_IMAGE_TOKEN, 7, 8};
    const llava_embedding* const pictures[] = {f.embedding};
    REQUIRE(llava_session_append_ids(session, ids, 4, pictures, 1, nullptr) == LLAVA_OK);
    ask(session, nullptr);
    CHECK(llava_session_turn_count(session) == 2);
    Owned<llava_message> turn;
    CHECK(llava_session_turn(session, 0, turn.out()) == LLAVA_ERR_UNSUPPORTED);
    const int32_t published[] = {1, 300, 7};  // image_token_index of the model
    CHECK(llava_session_append_ids(session, published, 3, nullptr, 0, nullptr) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(std::string(llava_last_error()).find("use -200 (LLAVA_IMAGE_TOKEN)") != std::string::npos);
    Owned<llava_tensor> logits;
    CHECK(llava_forward(f.model, published, 3, nullptr, 0, nullptr, logits.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    const int32_t beyond_tokenizer[] = {1, 305};  // a row the model has
    CHECK(llava_session_append_ids(session, beyond_tokenizer, 2, nullptr, 0, nullptr) == LLAVA_OK);
  }

  TEST_CASE("what cannot fit is refused with numbers and changes nothing") {
    auto& f = fixture();
    Owned<llava_session> session;
    auto options = defaults<llava_session_options>();
    options.max_context = 1 << 20;
    CHECK(llava_session_create(f.model, &options, session.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    session.out();
    REQUIRE(llava_session_create(f.model, nullptr, session.out()) == LLAVA_OK);
    ask(session, f.message);
    const auto before = history(session);
    Owned<llava_message> giant(message(LLAVA_ROLE_USER, std::string(100000, 'x').c_str()));
    Owned<llava_response> answer;
    CHECK(llava_chat(session, giant, nullptr, answer.out()) == LLAVA_ERR_CONTEXT_FULL);
    char json[1024];
    size_t needed = 0;
    REQUIRE(llava_last_error_json(json, sizeof json, &needed) == LLAVA_OK);
    CHECK(std::string(json).find("\"needed\":") != std::string::npos);
    CHECK(std::string(json).find("\"limit\":") != std::string::npos);
    CHECK(llava_session_append(session, giant, nullptr) == LLAVA_ERR_CONTEXT_FULL);
    CHECK(history(session) == before);
    int64_t used = 0, limit = 0;
    REQUIRE(llava_session_tokens(session, &used, &limit) == LLAVA_OK);
    CHECK(used > 0);
    CHECK(used < limit);
  }

  TEST_CASE("questions of the wrong role or without content are refused") {
    Owned<llava_session> session(new_session());
    Owned<llava_response> answer;
    Owned<llava_message> empty(message(LLAVA_ROLE_USER, nullptr)), other(message(LLAVA_ROLE_ASSISTANT, "x")),
        instruction(message(LLAVA_ROLE_SYSTEM, "x"));
    for (const llava_message* question : {empty.handle, other.handle, instruction.handle})
      CHECK(llava_chat(session, question, nullptr, answer.out()) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(llava_session_turn_count(session) == 0);
  }
}
