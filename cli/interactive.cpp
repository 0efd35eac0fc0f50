// The dialogue of `llava chat` in a terminal. Ctrl-C stops the answer, not the program.
#include <poll.h>
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "chat.hpp"

namespace llava_cli {
namespace {

constexpr const char* kHelp =
    "/image FILE    a picture for the next question\n"
    "/regenerate    the last question again, with a fresh seed\n"
    "/undo          forget the last question and its answer\n"
    "/reset         forget everything\n"
    "/save FILE     write the dialogue; open it again with --history FILE\n"
    "/quit          leave (or Ctrl-D)\n"
    "Ctrl-C stops an answer.\n";

class Dialogue {
 public:
  Dialogue(const llava::Model& model, const ChatArguments& arguments, std::vector<llava::Image> images)
      : arguments_(arguments), session_(new_session(model, arguments)), waiting_(std::move(images)) {}

  void run() {
    const bool terminal = isatty(STDIN_FILENO) != 0;
    if (terminal) std::cout << "Ask, or /help.\n";
    for (std::string line; read_line(terminal, line);) {
      if (line.empty()) continue;
      if (line == "/quit" || line == "/exit") return;
      try {
        line[0] == '/' ? command(line) : ask_with_pictures(line);
      } catch (const llava::Error& error) {
        complain(explain(error));  // the question was not asked: its pictures wait for the next
      }
      reset_interrupt();  // a Ctrl-C that ended an answer says nothing about the prompt
    }
  }

 private:
  bool read_line(bool terminal, std::string& line) {
    if (terminal) {
      std::cout << "> " << std::flush;
      wait_for_input();
    }
    return static_cast<bool>(std::getline(std::cin, line));
  }

  // Looks for Ctrl-C while it waits: a signal that comes just before a read would not end the read.
  static void wait_for_input() {
    pollfd terminal = {STDIN_FILENO, POLLIN, 0};
    while (poll(&terminal, 1, /*timeout_ms=*/100) <= 0) {
      if (!interrupt_token().is_cancelled()) continue;
      reset_interrupt();
      std::cout << "\n(/quit leaves)\n> " << std::flush;
    }
  }

  void ask_with_pictures(const std::string& text) {
    ask(question(text, waiting_), arguments_.seed);
    waiting_.clear();
  }

  void ask(const llava::Message& message, int64_t seed) {
    auto options = chat_options(arguments_);
    options.seed = seed;
    options.keep_on_cancel = true;  // what was said stays, and may be continued
    const auto turns_before = session_.turn_count();
    const auto response = print_stream(session_.stream(message, options));
    const auto usage = response.usage();
    std::cout << (response.finish_reason() == llava::FinishReason::cancelled ? " [stopped]\n" : "\n");
    if (isatty(STDOUT_FILENO) != 0 && usage.tokens_per_second > 0)
      std::cout << "\033[2m" << usage.completion_tokens << " tokens, " << static_cast<int64_t>(usage.tokens_per_second)
                << " tokens/s\033[0m\n";
    last_ = message;
    turns_before_ = turns_before;
  }

  void command(const std::string& line) {
    const auto space = line.find(' ');
    const auto name = line.substr(0, space);
    const auto rest = space == std::string::npos ? std::string() : line.substr(space + 1);
    if (name == "/image")
      add_image(rest);
    else if (name == "/regenerate")
      regenerate();
    else if (name == "/undo")
      undo();
    else if (name == "/reset")
      forget();
    else if (name == "/save")
      save(rest);
    else
      std::cout << (name == "/help" ? "" : "unknown: " + name + "\n") << kHelp;
  }

  void add_image(const std::string& path) {
    if (path.empty()) {
      std::cout << "/image FILE\n";
      return;
    }
    waiting_.emplace_back(path);
    const auto& image = waiting_.back();
    std::cout << path << ": " << image.width() << " x " << image.height() << ", goes with the next question\n";
  }

  void regenerate() {
    if (!last_) {
      std::cout << "nothing was asked yet\n";
      return;
    }
    session_.rewind(turns_before_);
    ask(last_, /*seed=*/-1);
  }

  void forget() {
    session_.reset();
    waiting_.clear();
    last_ = {};
    turns_before_ = 0;
  }

  void undo() {
    const auto turns = session_.turn_count();
    if (turns < 2) {
      std::cout << "nothing to undo\n";
      return;
    }
    session_.rewind(turns - 2);
    last_ = {};
  }

  void save(const std::string& path) {
    if (path.empty()) {
      std::cout << "/save FILE\n";
      return;
    }
    session_.save(path);
    std::cout << "saved; go on with --history " << path << '\n';
  }

  ChatArguments arguments_;
  llava::Session session_;
  std::vector<llava::Image> waiting_;
  llava::Message last_;
  int32_t turns_before_ = 0;
};

}  // namespace

void run_interactive(const llava::Model& model, const ChatArguments& arguments, std::vector<llava::Image> first) {
  Dialogue(model, arguments, std::move(first)).run();
}

}  // namespace llava_cli
