// Ends of processes: run by process_test, one way an argument. The exit status says whether all was as the header
// promises.
#include <unistd.h>
#include <llava/llava.hpp>

#include <chrono>
#include <cstring>
#include <thread>

namespace {

llava_model* load(const char* path) {
  llava_model* model = nullptr;
  return llava_load(path, nullptr, &model) == LLAVA_OK ? model : nullptr;
}

bool after_shutdown(const char* path) {
  llava_model* model = load(path);
  llava_model* second = nullptr;
  bool right = model && llava_shutdown() == LLAVA_OK && llava_shutdown() == LLAVA_OK;
  right &= llava_load(path, nullptr, &second) == LLAVA_ERR_STATE && !second;
  right &= llava_last_error_status() == LLAVA_ERR_STATE && *llava_version() != '\0';
  llava_model_free(model);
  return right;
}

bool with_handles(const char* path) {
  llava_session* session = nullptr;
  return load(path) && llava_session_create(load(path), nullptr, &session) == LLAVA_OK;
}

// Objects of llava.hpp with static storage go while the process ends.
bool with_static_objects(const char* path) {
  static const llava::Model model = llava::load(path);
  static llava::Session session(model);
  static llava::Stream stream = session.stream("hi");
  llava::Event event;
  return stream.next(event) == llava::Stream::Next::event;
}

bool with_closed_streams(const char* path) {
  for (int number = 0; number < 3; ++number) ::close(number);
  llava_model* model = load(path);
  llava_response* answer = nullptr;
  const bool right = model && llava_ask(model, nullptr, "hi", &answer) == LLAVA_OK;
  llava_response_free(answer);
  llava_model_free(model);
  return right;
}

bool in_a_call(const char* path) {
  llava_model* model = load(path);
  std::thread([model] {
    llava_response* answer = nullptr;
    while (llava_ask(model, nullptr, "hi", &answer) == LLAVA_OK) llava_response_free(answer);
  }).detach();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return model != nullptr;  // and the process ends while the thread talks
}

}  // namespace

int main(int count, char** texts) {
  if (count != 3) return 2;
  const char* const what = texts[1];
  if (!std::strcmp(what, "shutdown")) return after_shutdown(texts[2]) ? 0 : 1;
  if (!std::strcmp(what, "exit-with-handles")) return with_handles(texts[2]) ? 0 : 1;
  if (!std::strcmp(what, "exit-with-static-objects")) return with_static_objects(texts[2]) ? 0 : 1;
  if (!std::strcmp(what, "closed-streams")) return with_closed_streams(texts[2]) ? 0 : 1;
  if (!std::strcmp(what, "exit-in-call")) return in_a_call(texts[2]) ? 0 : 1;
  return 2;
}
