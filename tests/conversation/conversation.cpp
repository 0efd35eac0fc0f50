// The conversation of README.md beside this file, in C++: conversation MODEL PICTURES WORK
#include <iostream>
#include <llava/llava.hpp>

namespace {

using Options = llava::ChatOptions;

const std::string kHowMany = "How many shapes are there?";
const std::string kDescribe = "Describe the picture.";
constexpr const char* kEventNames[] = {"image_encoded", "prefill", "text", "token", "done"};

template <typename Value>
void say(const std::string& name, const Value& value) {
  std::cout << name << ": " << value << '\n';
}

void say_ids(const std::string& name, const std::vector<int32_t>& ids) {
  std::cout << name << ':';
  for (const auto id : ids) std::cout << ' ' << id;
  std::cout << '\n';
}

void say_response(const std::string& name, const llava::Response& response) {
  const auto usage = response.usage();
  say(name + ".text", response.text());
  say_ids(name + ".ids", response.tokens());
  say(name + ".finish", response.finish_reason_name());
  say(name + ".prompt", usage.prompt_tokens);
  say(name + ".pictures", usage.image_tokens);
  say(name + ".cached", usage.cached_tokens);
  say(name + ".completion", usage.completion_tokens);
}

template <typename Call>
std::string status_of(Call&& call) {
  try {
    call();
  } catch (const llava::Error& error) {
    return llava_status_name(error.code());
  }
  return "OK";
}

Options greedy(int32_t max_tokens) {
  Options options;
  options.temperature = 0;
  options.max_tokens = max_tokens;
  return options;
}

void chat(const std::string& name, llava::Session& session, const llava::Message& message) {
  say_response(name, session.chat(message, greedy(64)));
}

void stream(const std::string& name, llava::Session& session, const std::string& text, const Options& options) {
  auto answer = session.stream(text, options);
  std::string joined;
  std::cout << name << ".events:";
  for (const auto& event : answer) {
    std::cout << ' ' << kEventNames[static_cast<int32_t>(event.type())];
    joined += event.text();
  }
  std::cout << '\n';
  say(name + ".joined", joined);
  say_response(name, answer.finish());
}

void pull_tokens(llava::Stream& answer, int wanted) {
  for (llava::Event event; wanted > 0;) {
    answer.next(event);
    if (event.type() == llava::EventType::text || event.type() == llava::EventType::token) --wanted;
  }
}

/// A conversation and what it needs.
class Conversation {
 public:
  Conversation(std::string model, std::string pictures, std::string work)
      : model_folder_(std::move(model)),
        pictures_(std::move(pictures)),
        work_(std::move(work)),
        model_(llava::load(model_folder_)),
        dotted_(pictures_ + "/dotted.png"),
        striped_(pictures_ + "/striped.png") {}

  void run() {
    llava::Session session(model_);
    three_turns(session);
    auto fork = rewind_and_fork(session);
    cancel_keeping(fork);
    cancel_rolling_back(fork);
    cancel_at_once(fork);
    emoji();
    save_and_load(session);
    embedding();
    reasons();
    errors_of_files();
    errors_of_options();
    errors_of_chat();
    errors_of_order(session);
    session.close();
    const bool refused = status_of([&] { session.fork(); }) == "INVALID_ARGUMENT";
    say("error.closed", refused ? "refused" : "accepted");
  }

 private:
  void three_turns(llava::Session& session) {
    chat("turn1", session, llava::user(dotted_, kHowMany));
    stream("turn2", session, "Describe the picture. 🔴 絵", greedy(64));
    chat("turn3", session, llava::user(striped_, kHowMany));
    const auto stats = session.stats();
    say("session.turns", stats.turns);
    say("session.positions", stats.tokens);
    say("session.limit", stats.limit);
    say("session.encoded", stats.images_encoded);
  }

  llava::Session rewind_and_fork(llava::Session& session) {
    session.rewind(4);
    say("rewind.turns", session.turn_count());
    chat("rewind", session, llava::user(striped_, "Is there a cross?"));
    auto fork = session.fork();
    chat("fork", fork, llava::user(kDescribe));
    say("fork.turns", fork.turn_count());
    say("original.turns", session.turn_count());
    return fork;
  }

  static void cancel_keeping(llava::Session& session) {
    auto options = greedy(64);
    options.keep_on_cancel = true;
    auto answer = session.stream(kDescribe, options);
    pull_tokens(answer, 3);
    answer.cancel();
    say_response("keep", answer.finish());
    say("keep.turns", session.turn_count());
  }

  static void cancel_rolling_back(llava::Session& session) {
    auto options = greedy(64);
    options.cancel = llava::Cancel::create();
    auto answer = session.stream(kDescribe, options);
    pull_tokens(answer, 2);
    options.cancel.cancel();
    llava::Event event;
    say("rollback.status", status_of([&] {
          while (answer.next(event) == llava::Stream::Next::event) {
          }
        }));
    answer.close();
    say("rollback.turns", session.turn_count());
  }

  static void cancel_at_once(llava::Session& session) {
    auto options = greedy(64);
    options.keep_on_cancel = true;
    auto answer = session.stream(kDescribe, options);
    answer.cancel();
    llava::Event event;
    say("at_once.status", status_of([&] { answer.next(event); }));
    answer.close();
    say("at_once.turns", session.turn_count());
  }

  void emoji() {
    llava::Session session(model_);
    const auto ids = model_.tokenize("🙂");
    say_ids("emoji.tokenized", ids);
    auto options = greedy(4);
    float bias = 4000;
    for (auto id = ids.end() - 4; id != ids.end(); ++id, bias -= 1000) options.logit_bias.emplace_back(*id, bias);
    options.repetition_penalty = 100;
    stream("emoji", session, kHowMany, options);
    session.append(llava::user("👋🏽 猫"));
    session.append(llava::assistant("Grüße 🐈\u200d⬛"));
    say("append.text", session.turn(3).text());
    say("append.turns", session.turn_count());
  }

  void save_and_load(const llava::Session& session) {
    const auto path = work_ + "/Gespräch 💬 対話.session";
    session.save(path);
    auto loaded = llava::Session::load(model_, path);
    chat("saved", loaded, llava::user(kDescribe));
    say("saved.turns", loaded.turn_count());
  }

  void embedding() {
    const auto rows = model_.encode(dotted_);
    say("embedding.tokens", rows.info().tokens);
    say("embedding.width", rows.info().width);
    llava::Session session(model_);
    chat("embedding", session, llava::user(rows, kHowMany));
  }

  void reason(const std::string& name, const Options& options, const llava::SessionOptions& how = {}) {
    llava::Session session(model_, how);
    say_response(name, session.chat(dotted_, kDescribe, options));
  }

  void reasons() {
    reason("length", greedy(5));
    auto options = greedy(64);
    options.stop = {" shapes"};
    reason("stop_string", options);
    llava::SessionOptions how;
    how.max_context = 64;
    reason("context", greedy(64), how);
  }

  void errors_of_files() {
    say("error.missing_model", status_of([&] { llava::load(model_folder_ + "/no such model 😿"); }));
    say("error.not_a_model", status_of([&] { llava::load(work_); }));
    say("error.missing_picture", status_of([&] { llava::Image(pictures_ + "/no such picture.png"); }));
    say("error.broken_picture", status_of([&] { llava::Image(model_folder_ + "/config.json"); }));
    say("error.not_a_session", status_of([&] { llava::Session::load(model_, model_folder_ + "/model.safetensors"); }));
    say("error.empty_picture", status_of([&] { llava::Image::from_memory("", 0); }));
    say("error.remote_picture", status_of([&] { llava::Image::from_data_uri("https://example.org/cat.png"); }));
  }

  void chat_error(const std::string& name, const Options& options, const llava::Message& message) {
    llava::Session session(model_);
    say("error." + name, status_of([&] { session.chat(message, options); }));
  }

  void errors_of_options() {
    chat_error("bad_max_tokens", greedy(0), llava::user(kHowMany));
    auto options = greedy(64);
    options.temperature = 1000;
    chat_error("bad_temperature", options, llava::user(kHowMany));
    options = greedy(64);
    options.adapter = "no such adapter";
    chat_error("missing_adapter", options, llava::user(kHowMany));
    llava::SessionOptions how;
    how.template_name = "no such template";
    say("error.missing_template", status_of([&] { llava::Session(model_, how); }));
    how.template_name.clear();
    how.max_context = 1000000;
    say("error.bad_context", status_of([&] { llava::Session(model_, how); }));
  }

  void errors_of_chat() {
    std::string words;
    for (int i = 0; i < 700; ++i) words += "red ";
    auto options = greedy(64);
    chat_error("empty_message", options, llava::Message(llava::Role::user));
    chat_error("context_full", options, llava::user(words));
    options.cancel = llava::Cancel::create();
    options.cancel.cancel();
    chat_error("cancelled", options, llava::user(kHowMany));
    options.cancel.reset();
    options.cancel.set_deadline_ms(0);
    chat_error("timeout", options, llava::user(kHowMany));
  }

  static void errors_of_order(llava::Session& session) {
    auto answer = session.stream(kHowMany, greedy(64));
    say("error.busy_chat", status_of([&] { session.chat(kHowMany, greedy(64)); }));
    say("error.busy_fork", status_of([&] { session.fork(); }));
    say("error.busy_rewind", status_of([&] { session.rewind(0); }));
    answer.close();
    say("error.rewind_too_far", status_of([&] { session.rewind(99); }));
    say("error.turns", session.turn_count());
  }

  std::string model_folder_, pictures_, work_;
  llava::Model model_;
  llava::Image dotted_, striped_;
};

/// The sum of all counters of live_objects_json().
long live_objects() {
  const auto counts = llava::live_objects_json();
  long sum = 0;
  for (auto at = counts.find(':'); at != std::string::npos; at = counts.find(':', at + 1))
    sum += std::stol(counts.substr(at + 1));
  return sum;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) {
    std::cerr << "usage: conversation MODEL PICTURES WORK\n";
    return 2;
  }
  Conversation(argv[1], argv[2], argv[3]).run();
  say("live", live_objects());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
