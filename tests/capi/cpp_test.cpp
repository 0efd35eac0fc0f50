// llava.hpp: the same library with classes and exceptions.
#include <llava/llava.hpp>

#include <cstring>
#include <sstream>
#include <type_traits>

#include "cpp_support.hpp"

TEST_SUITE("capi/cpp") {
  TEST_CASE("each class is one pointer") {
    CHECK(sizeof(llava::Model) == sizeof(void*));
    CHECK(sizeof(llava::Session) == sizeof(void*));
    CHECK(sizeof(llava::Event) == sizeof(void*));
  }

  TEST_CASE("streamed text is the text of the answer") {
    llava::Session session(the_model());
    std::string text;
    auto stream = session.stream(llava::user(llava::Image(fixture().picture_path), "What is this?"), greedy());
    for (const llava::Event& event : stream) text += event.text();
    const auto answer = stream.finish();
    CHECK(answer.text() == text);
    CHECK(answer.tokens().size() == 6);
    CHECK(answer.finish_reason() == llava::FinishReason::length);
    CHECK(answer.finish_reason_name() == "length");
    CHECK(answer.usage().image_tokens == 9);
    CHECK(session.turn_count() == 2);
    CHECK(session.turn(1).text() == text);
  }

  TEST_CASE("failures carry code, text and numbers") {
    CHECK(code_of([] { llava::load("/nonexistent/model"); }) == LLAVA_ERR_NOT_FOUND);
    CHECK(code_of([] { llava::Image("/nonexistent/cat.jpg"); }) == LLAVA_ERR_NOT_FOUND);
    CHECK(code_of([] {
            const llava::Model none;
            llava::Session session(none);
          }) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(code_of([] { llava::Session(the_model()).chat(std::string(100000, 'x')); }) == LLAVA_ERR_CONTEXT_FULL);
  }

  TEST_CASE("copies share, moves steal") {
    llava::Session session(the_model());
    llava::Session same = session;
    same.chat("hi", greedy());
    CHECK(session.turn_count() == 2);
    llava::Session moved = std::move(same);
    CHECK_FALSE(static_cast<bool>(same));
    CHECK(moved.turn_count() == 2);
    moved.close();
    CHECK_FALSE(static_cast<bool>(moved));
  }

  TEST_CASE("an assignment that cannot share throws: it does not end the process") {
    CHECK_FALSE(std::is_nothrow_copy_assignable_v<llava::Model>);  // a failing retain, as in a forked child
    CHECK(std::is_nothrow_move_assignable_v<llava::Model>);
    auto model = the_model();
    auto other = std::move(model);
    model = other;
    CHECK(model.get() == other.get());
    model = llava::Model();
    CHECK_FALSE(static_cast<bool>(model));
  }

  TEST_CASE("what a callback throws reaches the caller") {
    llava::Session session(the_model());
    auto options = greedy();
    options.on_event = [](const llava::Event& event) -> llava::Reply {
      if (event.type() == llava::EventType::text) throw std::runtime_error("from the callback");
      return llava::Reply::go_on;
    };
    CHECK_THROWS_WITH_AS(session.chat("hi", options), "from the callback", std::runtime_error);
    CHECK(session.turn_count() == 0);
    llava::LoadOptions load;
    load.progress = [](const llava::LoadProgress&) -> bool { throw std::logic_error("not now"); };
    CHECK_THROWS_AS(llava::load(fixture().model_path, load), std::logic_error);
    load.progress = [](const llava::LoadProgress&) { return false; };
    CHECK(code_of([&] { llava::load(fixture().model_path, load); }) == LLAVA_ERR_CANCELLED);
  }

  TEST_CASE("a model tells, counts and encodes") {
    const auto model = the_model();
    CHECK(model.limits().tokens_per_image == 9);
    CHECK(model.info_json().find("fingerprint") != std::string::npos);
    const auto ids = model.tokenize("hello there");
    CHECK(model.detokenize(ids) == "hello there");
    CHECK(model.special_token(llava::SpecialToken::eos) == 2);
    const llava::Image image(fixture().picture_path);
    CHECK(model.preprocess(image).shape() == std::vector<int64_t>{3, 42, 42});
    llava::EncodeOptions features;
    features.features = true;
    CHECK(model.encode(image, features).tensor().shape() == std::vector<int64_t>{9, model.limits().vision_width});
    const auto embedding = model.encode(image);
    const std::vector<int32_t> prompt = {1, LLAVA_IMAGE_TOKEN, 5};
    CHECK(model.forward(prompt, {embedding}).shape() == std::vector<int64_t>{11, model.limits().vocabulary});
    const auto message = llava::user(image, "What is this?");
    CHECK(model.count_tokens({message}) == static_cast<int64_t>(model.prompt_ids({message}).size()) - 1 + 9);
    CHECK(model.apply_template({message}).find("What is this?") != std::string::npos);
    const auto rows = embedding.tensor();
    CHECK(llava::Embedding(model, rows).info().tokens == 9);
    CHECK(llava::Tensor::from_host(rows.data(), llava::Dtype::f32, rows.shape()).to_floats() == rows.to_floats());
    CHECK(image.pixels().size() == static_cast<size_t>(image.width() * image.height() * 3));
  }

  TEST_CASE("sessions fork, rewind, append and save") {
    const auto model = the_model();
    llava::Session session(model);
    session.append(llava::user("hi"));
    const auto answer = session.answer(greedy()).text();
    auto copy = session.fork();
    copy.rewind(0);
    CHECK(copy.chat("hi", greedy()).text() == answer);
    const auto path = fixture().folder + "/cpp.safetensors";
    session.save(path);
    CHECK(llava::Session::load(model, path).history_json() == session.history_json());
    llava::Decoder decoder(model);
    std::string text;
    for (const auto id : model.tokenize("one two")) text += decoder.push(id);
    text += decoder.flush();
    CHECK(text == "one two");
    CHECK(llava::ask(model, llava::Image(), "hi").tokens().size() > 0);
  }

  TEST_CASE("a session tells how full it is, and takes options with a dialogue") {
    const auto model = the_model();
    llava::SessionOptions small;
    small.max_context = 200;
    const auto session = llava::Session::from_json(model, R"([{"role": "user", "content": "hi"}])", small);
    CHECK(session.tokens().limit == 200);
    CHECK(session.tokens().used > 0);
  }

  TEST_CASE("a session that is at work does not pretend to have turns") {
    llava::Session session(the_model());
    const auto stream = session.stream("hi", greedy());
    CHECK(code_of([&] { session.turn_count(); }) == LLAVA_ERR_BUSY);
  }

  TEST_CASE("a NUL inside a text is refused, not cut") {
    const std::string text("a\0b", 3);
    const auto model = the_model();
    llava::Session session(model);
    auto options = greedy();
    options.stop = {text};
    CHECK(code_of([&] { session.chat("hi", options); }) == LLAVA_ERR_INVALID_ARGUMENT);
    llava::SessionOptions system;
    system.has_system = true;
    system.system = text;
    CHECK(code_of([&] { llava::Session(model, system); }) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(code_of([&] { llava::ask(model, llava::Image(), text); }) == LLAVA_ERR_INVALID_ARGUMENT);
    CHECK(code_of([&] { llava::load(text); }) == LLAVA_ERR_INVALID_ARGUMENT);
  }

  TEST_CASE("weights are looked through when asked") {
    llava::LoadOptions options;
    options.verify = true;
    CHECK(llava::load(fixture().model_path, options).limits().tokens_per_image == 9);
  }

  TEST_CASE("the log can be heard") {
    std::ostringstream heard;
    llava::set_log([&](llava::LogLevel, std::string_view line) { heard << line << '\n'; }, llava::LogLevel::debug);
    llava_cancel_free(fixture().freed<llava_cancel>());
    llava::set_log({}, llava::LogLevel::off);
    CHECK(heard.str().find("llava_cancel_free") != std::string::npos);
    CHECK(llava::devices().size() >= 1);
    CHECK(llava::live_objects_json().find("\"model\"") != std::string::npos);
  }
}
