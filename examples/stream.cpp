// Several answers at once, each in a thread of its own, word by word: stream MODEL PICTURE QUESTION...
//
// The picture is encoded once; sessions share the model, each thread has its own. Lines come as the words do.
#include <iostream>
#include <llava/llava.hpp>
#include <mutex>
#include <thread>

namespace {

std::mutex output;

void answer(const llava::Model& model, const llava::Embedding& picture, const std::string& question) try {
  llava::Session session(model);
  auto stream = session.stream(llava::user(picture, question));
  std::string text;
  for (const llava::Event& event : stream) {
    if (event.text().empty()) continue;
    text += event.text();
    const std::lock_guard<std::mutex> lock(output);
    std::cout << question << " | " << text << std::endl;
  }
  const auto usage = stream.finish().usage();
  const std::lock_guard<std::mutex> lock(output);
  std::cout << question << " (" << usage.completion_tokens << " tokens, " << usage.first_token_ms << " ms to the first)"
            << std::endl;
} catch (const llava::Error& error) {  // an exception must not leave a thread
  const std::lock_guard<std::mutex> lock(output);
  std::cerr << question << ": " << error.what() << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 4) throw std::runtime_error("usage: stream MODEL PICTURE QUESTION...");
  const auto model = llava::load(argv[1]);
  const auto picture = model.encode(llava::Image(argv[2]));
  std::vector<std::thread> threads;
  for (int i = 3; i < argc; ++i) threads.emplace_back(answer, model, picture, std::string(argv[i]));
  for (auto& thread : threads) thread.join();
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
