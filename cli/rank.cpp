// llava-rank: one of the processes that llava_train_launch() starts. Says what happens as lines of JSON into a pipe, and
// nothing anywhere else.
//
//   llava-rank MODEL PIPE OPTIONS      exit codes: 0 through, 5 asked to stop (saved), 1 failed (the pipe says why)
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <llava/llava.hpp>
#include <nlohmann/json.hpp>

#include "for_cards.hpp"

namespace {

constexpr int kThrough = 0, kFailed = 1, kStopped = 5;
constexpr size_t kMostText = 3000;  // of a message: a line below PIPE_BUF is written whole

volatile sig_atomic_t stop_asked = 0;

void on_signal(int) { stop_asked = 1; }

class Pipe {
 public:
  explicit Pipe(const char* path) : descriptor_(open(path, O_WRONLY | O_CLOEXEC)) {}
  ~Pipe() { close(descriptor_); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  bool is_open() const { return descriptor_ >= 0; }
  void say(const std::string& line) const {
    const auto text = line + '\n';
    if (write(descriptor_, text.data(), text.size()) < 0) stop_asked = 1;  // nobody listens any more
  }

 private:
  int descriptor_;
};

// What is fetched for a moment, and Gloo's copies of it, are taken from the system and given back to it instead of leaving
// holes between activations: with 93 million parameters on two ranks at ZeRO level 3 (28 MB a block) the peak was 1.64 GB and
// not 1.68 to 1.82, and a step took no longer. glibc itself goes over to this at 32 MiB; left alone it learns to.
void keep_large_blocks_apart() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
#endif
}

int64_t own_rank() {
  const char* rank = std::getenv("RANK");
  return rank ? std::atoll(rank) : 0;
}

void say_failure(const Pipe& pipe, llava_status status, std::string message) {
  if (message.size() > kMostText) message.resize(kMostText);
  pipe.say(nlohmann::json{{"event", "failure"}, {"rank", own_rank()}, {"status", status}, {"message", message}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Without the name of the function, which says nothing to who started the ranks.
std::string message_of(const llava::Error& error) {
  const auto record = nlohmann::json::parse(error.details(), nullptr, /*allow_exceptions=*/false);
  return record.is_object() ? record.value("message", std::string(error.what())) : error.what();
}

// With its texts cut: what two processes write at once must not mix.
std::string shortened(const std::string& event) {
  auto json = nlohmann::json::parse(event);
  for (const char* key : {"message", "question", "answer", "expected"})
    if (json.contains(key)) json[key] = json[key].get<std::string>().substr(0, kMostText / 4);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void say_warnings(const Pipe& pipe) {
  llava::set_log([&pipe, number = own_rank()](llava::LogLevel, std::string_view text) {
    pipe.say(nlohmann::json{{"event", "warning"}, {"rank", number}, {"message", text.substr(0, kMostText / 2)}}.dump(
        -1, ' ', false, nlohmann::json::error_handler_t::replace));
  });
}

int train(char** arguments, const Pipe& pipe) {
  struct Silence {
    ~Silence() { [[maybe_unused]] const auto never_fails = llava_log_set(nullptr, LLAVA_LOG_OFF, nullptr, nullptr); }
  } const silence_after;
  say_warnings(pipe);
  auto options = llava::TrainOptions::from_json(arguments[3]);
  options.event = [&pipe](const std::string& event) {
    pipe.say(event.size() > kMostText ? shortened(event) : event);
    return true;
  };
  const llava::Trainer trainer(arguments[1], options);
  for (;;) {
    const auto before = trainer.metrics().step;
    if (stop_asked) trainer.request_stop();
    if (trainer.run(1)) return kThrough;
    if (trainer.metrics().step == before) return kStopped;  // this rank or another was asked to
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) return kFailed;
  llava_cli::prepare_for_cards();
  keep_large_blocks_apart();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole group; whoever started the ranks decides
  const Pipe pipe(arguments[2]);
  if (!pipe.is_open()) return kFailed;
  try {
    return train(arguments, pipe);
  } catch (const llava::Error& error) {
    say_failure(pipe, error.code(), message_of(error));
  } catch (const std::exception& error) {
    say_failure(pipe, LLAVA_ERR_INTERNAL, error.what());
  }
  return kFailed;
}
