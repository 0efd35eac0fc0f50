// A conversation about pictures in the terminal: chat MODEL
//
// /image FILE  a picture for the next question      /again  another answer to the last one
// /save FILE   and /open FILE: the dialogue         Ctrl-C  stops the answer, what was said stays      Ctrl-D  leaves
#include <csignal>
#include <iostream>
#include <llava/llava.hpp>

namespace {

const llava::Cancel kStop = llava::Cancel::create();

void on_interrupt(int) { llava_cancel_cancel(kStop.get()); }  // takes no lock and no memory: right in a signal handler

void show(llava::Stream stream) {
  for (const llava::Event& event : stream) std::cout << event.text() << std::flush;
  std::cout << (stream.finish().finish_reason() == llava::FinishReason::cancelled ? " (stopped)\n" : "\n");
}

class Chat {
 public:
  explicit Chat(const std::string& folder) : model_(llava::load(folder)), session_(model_) {
    options_.cancel = kStop;
    options_.keep_on_cancel = true;
  }

  void say(const std::string& line) {
    const auto space = line.find(' ');
    const auto file = space == std::string::npos ? std::string() : line.substr(space + 1);
    if (line.rfind("/image ", 0) == 0)
      next_.add(llava::Image(file));
    else if (line.rfind("/save ", 0) == 0)
      session_.save(file);
    else if (line.rfind("/open ", 0) == 0)
      session_ = llava::Session::load(model_, file);
    else if (line == "/again")
      again();
    else if (!line.empty())
      show(session_.stream(std::exchange(next_, llava::user()).add(line), options_));
  }

 private:
  void again() {
    session_.rewind(session_.turn_count() - 1);  // the question stays
    show(session_.stream_answer(options_));
  }

  llava::Model model_;
  llava::Session session_;
  llava::ChatOptions options_;
  llava::Message next_ = llava::user();
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("usage: chat MODEL");
  Chat chat(argv[1]);
  std::signal(SIGINT, on_interrupt);
  for (std::string line; std::cout << "> " << std::flush && std::getline(std::cin, line);) try {
      kStop.reset();  // a Ctrl-C at the prompt was not meant for this answer
      chat.say(line);
    } catch (const llava::Error& error) {  // nothing has changed: the next question may come
      std::cout << error.what() << '\n';
    }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
