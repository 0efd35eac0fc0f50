// Questions about one picture, answered word by word: ask MODEL PICTURE QUESTION...
#include <iostream>
#include <llava/llava.hpp>

int main(int argc, char** argv) try {
  if (argc < 4) throw std::runtime_error("usage: ask MODEL PICTURE QUESTION...");
  llava::Session session(llava::load(argv[1]));
  auto message = llava::user(llava::Image(argv[2]), argv[3]);  // the picture comes with the first question
  for (int i = 3; i < argc; ++i) {
    if (i > 3) message = llava::user(argv[i]);
    auto stream = session.stream(message);
    for (const llava::Event& event : stream) std::cout << event.text() << std::flush;
    std::cout << "\n  (" << stream.finish().usage().tokens_per_second << " tokens/s)\n";
  }
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
