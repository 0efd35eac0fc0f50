// What the tests of the C ABI work on: a tiny random model, a picture, and one live handle of every type.
#pragma once

#include <llava/llava.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include <stdexcept>

#include "support/doctest.hpp"

inline void release(llava_string* handle) { llava_string_free(handle); }
inline void release(llava_buffer* handle) { llava_buffer_free(handle); }
inline void release(llava_cancel* handle) { llava_cancel_free(handle); }
inline void release(llava_image* handle) { llava_image_free(handle); }
inline void release(llava_model* handle) { llava_model_free(handle); }
inline void release(llava_tensor* handle) { llava_tensor_free(handle); }
inline void release(llava_embedding* handle) { llava_embedding_free(handle); }
inline void release(llava_message* handle) { llava_message_free(handle); }
inline void release(llava_decoder* handle) { llava_decoder_free(handle); }
inline void release(llava_session* handle) { llava_session_free(handle); }
inline void release(llava_stream* handle) { llava_stream_free(handle); }
inline void release(llava_event* handle) { llava_event_free(handle); }
inline void release(llava_response* handle) { llava_response_free(handle); }
inline void release(llava_adapter* handle) { llava_adapter_free(handle); }
inline void release(llava_report* handle) { llava_report_free(handle); }
inline void release(llava_trainer* handle) { llava_trainer_free(handle); }
inline void release(int32_t) {}
inline void release(int64_t) {}
inline void release(size_t) {}
inline void release(const char*) {}
inline void release(double) {}
inline void release(const void*) {}

/// One reference, freed at the end of the scope. `out()` is for functions that create.
template <typename Handle>
struct Owned {
  Owned() = default;
  explicit Owned(Handle* given) : handle(given) {}
  ~Owned() { release(handle); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Handle** out() {
    release(handle);
    handle = nullptr;
    return &handle;
  }
  operator Handle*() const { return handle; }
  Handle* handle = nullptr;
};

/// A struct with struct_size set, and room for the fields of a newer release.
template <typename Struct>
class Sized {
 public:
  Sized() { get()->struct_size = sizeof(Struct); }
  Struct* get() { return reinterpret_cast<Struct*>(bytes_); }
  Struct* operator->() { return get(); }
  void grow() {
    std::memset(bytes_ + sizeof(Struct), 0, sizeof bytes_ - sizeof(Struct));
    get()->struct_size = sizeof bytes_;
  }
  void set_tail() { bytes_[sizeof bytes_ - 1] = 1; }

 private:
  alignas(16) unsigned char bytes_[sizeof(Struct) + 64] = {};
};

/// The fixture is made before doctest runs, where its assertions cannot be used.
inline void must(bool right) {
  if (!right) throw std::runtime_error(std::string("the fixture could not be made: ") + llava_last_error());
}

inline void initialise(llava_image_options& o) { must(llava_image_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_load_options& o) { must(llava_load_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_save_options& o) { must(llava_save_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_adapter_options& o) { must(llava_adapter_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_dataset_options& o) { must(llava_dataset_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_encode_options& o) { must(llava_encode_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_forward_options& o) { must(llava_forward_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_template_options& o) { must(llava_template_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_session_options& o) { must(llava_session_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_chat_options& o) { must(llava_chat_options_init(&o, sizeof o) == LLAVA_OK); }
inline void initialise(llava_train_options& o) { must(llava_train_options_init(&o, sizeof o) == LLAVA_OK); }

/// An options struct with defaults.
template <typename Options>
Options defaults() {
  Options options;
  initialise(options);
  return options;
}

/// Answers of a few tokens, always the same.
inline llava_chat_options short_chat(int32_t max_tokens = 4) {
  auto options = defaults<llava_chat_options>();
  options.max_tokens = max_tokens;
  options.temperature = 0;
  options.ignore_eos = 1;
  return options;
}

/// The text of a string the library handed over, which is freed.
inline std::string take(llava_string* string) {
  std::string text(llava_string_data(string), llava_string_size(string));
  llava_string_free(string);
  return text;
}

std::string live_objects();  // JSON of llava_live_objects

class Fixture {
 public:
  Fixture();
  ~Fixture();
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  /// A handle of its own; `like` only says which type. Shared objects get one more reference.
  llava_string* fresh(const llava_string*);
  llava_buffer* fresh(const llava_buffer*);
  llava_cancel* fresh(const llava_cancel*);
  llava_image* fresh(const llava_image*);
  llava_model* fresh(const llava_model*);
  llava_tensor* fresh(const llava_tensor*);
  llava_embedding* fresh(const llava_embedding*);
  llava_message* fresh(const llava_message*);  // of the user, one text part
  llava_decoder* fresh(const llava_decoder*);
  llava_session* fresh(const llava_session*);  // with one turn
  llava_stream* fresh(const llava_stream*);
  llava_event* fresh(const llava_event*);
  llava_response* fresh(const llava_response*);
  llava_adapter* fresh(const llava_adapter*);
  llava_report* fresh(const llava_report*);
  llava_trainer* fresh(const llava_trainer*);

  /// A handle that was freed just now.
  template <typename Handle>
  Handle* freed() {
    Handle* handle = make<Handle>();
    release(handle);
    return handle;
  }
  template <typename Handle>
  Handle* make();

  /// One step on three short records of text, into a new folder; valid as long as the fixture.
  llava_train_options training();
  const llava_train_options* train_options();

  /// A path inside `folder` where nothing is yet; valid as long as the fixture.
  const char* fresh_target();

  /// What an output holds before a call; must be gone after a failure.
  template <typename Handle>
  Handle* poison() {
    return reinterpret_cast<Handle*>(foreign);
  }

  std::string folder;  // for files of the tests; removed at the end
  std::string model_path, adapter_path, data_path, talk_path, seen_path, run_path, picture_path, embedding_path,
      session_path, long_path, uri, deep_json;
  std::vector<unsigned char> picture_bytes;
  unsigned char pixels[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9};
  float numbers[4] = {1, 2, 3, 4};
  int64_t shape[2] = {2, 2};
  int32_t ids[3] = {1, 5, 6};
  std::deque<std::string> targets;
  std::deque<llava_train_options> trainings;
  int32_t threads = 1;
  alignas(64) char foreign[128] = {};  // no handle

  llava_string* string = nullptr;
  llava_buffer* buffer = nullptr;
  llava_cancel* cancel = nullptr;
  llava_image* image = nullptr;
  llava_model* model = nullptr;
  llava_tensor* tensor = nullptr;  // [2, D]
  llava_embedding* embedding = nullptr;
  llava_message* message = nullptr;
  llava_decoder* decoder = nullptr;
  llava_session* session = nullptr;
  llava_stream* stream = nullptr;
  llava_event* event = nullptr;
  llava_response* response = nullptr;
  llava_adapter* adapter = nullptr;  // of one matrix; others of this kind have other names
  llava_report* report = nullptr;    // {"steps": 1, …}
  llava_trainer* trainer = nullptr;  // of very many steps
  const llava_image* image_list[1] = {};
  const llava_message* message_list[1] = {};
};

/// The one fixture of the program, made before the first test.
Fixture& fixture();

template <>
inline llava_string* Fixture::make() {
  return fresh(string);
}
template <>
inline llava_buffer* Fixture::make() {
  return fresh(buffer);
}
template <>
inline llava_cancel* Fixture::make() {
  return fresh(cancel);
}
template <>
inline llava_message* Fixture::make() {
  return fresh(message);
}
template <>
inline llava_decoder* Fixture::make() {
  return fresh(decoder);
}
template <>
inline llava_session* Fixture::make() {
  return fresh(session);
}
template <>
inline llava_stream* Fixture::make() {
  return fresh(stream);
}
template <>
llava_image* Fixture::make();
template <>
llava_model* Fixture::make();
template <>
llava_tensor* Fixture::make();
template <>
llava_embedding* Fixture::make();
template <>
llava_event* Fixture::make();
template <>
llava_response* Fixture::make();
template <>
llava_adapter* Fixture::make();
