// include/llava/base.h: status names, errors, versions, owned texts, cancel tokens, the process.
#include <llava/base.h>

#include <cstring>

#include "arguments.hpp"
#include "build_info.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;

const char* llava_status_name(llava_status status) { return llava::core::status_name(status); }

int32_t llava_status_is_retryable(llava_status status) {
  return status == LLAVA_ERR_BUSY || status == LLAVA_ERR_OUT_OF_MEMORY || status == LLAVA_ERR_DEVICE_MEMORY ||
         status == LLAVA_ERR_TIMEOUT || status == LLAVA_WOULD_BLOCK;
}

const char* llava_last_error(void) { return last_error_text(); }
llava_status llava_last_error_status(void) { return last_error_status(); }
void llava_clear_error(void) { clear_last_error(); }

// Works everywhere, and a buffer that is too small does not replace the error that is being read.
llava_status llava_last_error_json(char* buffer, size_t capacity, size_t* needed) {
  cleared(needed);
  try {
    required(needed, "needed");
    if (!buffer && capacity)
      throw Error(Status::argument, cat("capacity is ", capacity, " without a buffer, expected 0"));
    const std::string json = failure_json(last_failure());
    *needed = json.size() + 1;
    if (!buffer) return LLAVA_OK;
    if (capacity < *needed) return LLAVA_ERR_BUFFER_TOO_SMALL;
    std::memcpy(buffer, json.c_str(), *needed);
    return LLAVA_OK;
  } catch (...) {
    return report_failure(__func__);
  }
}

const char* llava_version(void) { return LLAVA_VERSION; }
int32_t llava_version_number(void) { return LLAVA_VERSION_NUMBER; }
int32_t llava_abi_version(void) { return LLAVA_ABI_VERSION; }

llava_status llava_check_abi(int32_t header_abi) {
  try {
    if (header_abi != LLAVA_ABI_VERSION)
      throw Error(Status::abi, cat("the headers have ABI ", header_abi, ", the library ", LLAVA_ABI_VERSION));
    check_torch_version();
    return LLAVA_OK;
  } catch (...) {
    return report_failure(__func__);
  }
}

const char* llava_build_info_json(void) {
  return guarded_value("{}", [] { return build_info_json(); });
}

int32_t llava_has_feature(const char* name) {
  return guarded_value(0, [&] { return has_feature(text_argument(name, "name", 256)) ? 1 : 0; });
}

const char* llava_string_data(const llava_string* string) {
  return guarded_value("", [&] { return get(string, "string")->text.c_str(); });
}

size_t llava_string_size(const llava_string* string) {
  return guarded_value(size_t{0}, [&] { return get(string, "string")->text.size(); });
}

void llava_string_free(llava_string* string) {
  free_handle(string, static_cast<uint8_t>(HandleKind::string), __func__, "string");
}

const void* llava_buffer_data(const llava_buffer* buffer) {
  return guarded_value<const void*>("", [&]() -> const void* { return get(buffer, "buffer")->bytes.data(); });
}

size_t llava_buffer_size(const llava_buffer* buffer) {
  return guarded_value(size_t{0}, [&] { return get(buffer, "buffer")->bytes.size(); });
}

void llava_buffer_free(llava_buffer* buffer) {
  free_handle(buffer, static_cast<uint8_t>(HandleKind::buffer), __func__, "buffer");
}

llava_status llava_cancel_create(llava_cancel** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    *out = wrap<llava_cancel>(std::make_shared<CancelObject>());
  });
}

// A signal handler may call it while this thread is inside a log callback, an allocation or a lock: so it does without a
// CallScope, memory, locks and exceptions.
llava_status llava_cancel_cancel(llava_cancel* cancel) {
  const auto refuse = [](Status status, std::string_view why) {
    set_last_error(status, "llava_cancel_cancel", why, {});
    return static_cast<llava_status>(status);
  };
  if (is_shut_down()) return refuse(Status::state, "the library was shut down");
  if (in_forked_child()) return refuse(Status::state, "the library was used before fork()");
  const auto flaw = use_in_signal(cancel, HandleKind::cancel,
                                  [](void* object) { static_cast<CancelObject*>(object)->token.cancel(); });
  switch (flaw) {
    case HandleFlaw::none:
      return LLAVA_OK;
    case HandleFlaw::null:
      return refuse(Status::argument, "cancel is NULL, expected a llava_cancel");
    case HandleFlaw::freed:
      return refuse(Status::argument, "cancel is a freed handle, expected a llava_cancel");
    case HandleFlaw::foreign:
    case HandleFlaw::other_type:
      break;
  }
  return refuse(Status::argument, "cancel is no llava_cancel");
}

llava_status llava_cancel_reset(llava_cancel* cancel) {
  return guarded({}, [&] {
    const auto object = get(cancel, "cancel");
    if (const auto users = object->users.load())
      throw Error(Status::busy, cat("the token is used by ", users, " operations"));
    object->token.reset();
  });
}

int32_t llava_cancel_is_cancelled(const llava_cancel* cancel) {
  return guarded_value(0, [&] { return get(cancel, "cancel")->token.is_cancelled() ? 1 : 0; });
}

llava_status llava_cancel_set_deadline_ms(llava_cancel* cancel, int64_t timeout_ms) {
  return guarded({}, [&] {
    const auto object = get(cancel, "cancel");
    if (timeout_ms < -1) throw Error(Status::argument, cat("timeout_ms is ", timeout_ms, ", expected -1 or more"));
    object->token.set_deadline_ms(timeout_ms);
  });
}

LLAVA_COUNTED(cancel)

llava_status llava_live_objects(llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    std::string text = "{";
    for (size_t kind = 1; kind < kHandleKinds; ++kind)
      text += cat(kind > 1 ? "," : "", "\"", handle_kind_name(static_cast<HandleKind>(kind)) + strlen("llava_"),
                  "\":", static_cast<long long>(live_counts[kind].load()));
    *out = new_string(text + "}");
  });
}

llava_status llava_shutdown(void) {
  try {
    const Operation::Pause nothing_runs;
    set_shut_down();
    return LLAVA_OK;
  } catch (...) {
    return report_failure(__func__);
  }
}
