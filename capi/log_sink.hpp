// Where messages of the library go: the caller's callback, or a bounded store for llava_log_drain(), or nowhere.
#pragma once

#include <llava/log.h>

#include <string>
#include <string_view>

namespace llava::capi {

/// Sends one message when its level is let through; never throws. Cheap when nobody listens.
void log_line(int32_t level, std::string_view text) noexcept;

/// True while this thread is inside the caller's log callback.
bool in_log_callback() noexcept;

/// Changes callback and level; the former callback is destroyed once no thread is inside it.
void set_log(llava_log_fn log, int32_t level, void* user_data, llava_destroy_fn destroy);
void set_log_level(int32_t level);

/// Takes the stored messages, one JSON object a line.
std::string drain_log();

}  // namespace llava::capi
