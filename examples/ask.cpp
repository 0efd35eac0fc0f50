// One question about one picture, answered word by word
#include <iostream>
#include <llava/llava.hpp>

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: ask MODEL PICTURE QUESTION");
  auto stream = llava::Session(llava::load(argv[1])).stream(llava::user(llava::Image(argv[2]), argv[3]));
  for (const auto& event : stream) std::cout << event.text() << std::flush;
  std::cout << "\n  (" << stream.finish().usage().tokens_per_second << " tokens/s)\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
