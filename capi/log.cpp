// include/llava/log.h
#include <llava/log.h>

#include "arguments.hpp"
#include "log_sink.hpp"

using namespace llava::capi;

llava_status llava_log_set(llava_log_fn log, int32_t level, void* user_data, llava_destroy_fn destroy) {
  return guarded({}, [&] {
    check_range(level, LLAVA_LOG_DEBUG, LLAVA_LOG_OFF, "level");
    set_log(log, level, user_data, destroy);
  });
}

llava_status llava_log_set_level(int32_t level) {
  return guarded({}, [&] {
    check_range(level, LLAVA_LOG_DEBUG, LLAVA_LOG_OFF, "level");
    set_log_level(level);
  });
}

llava_status llava_log_drain(llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    *out = new_string(drain_log());
  });
}
