// The library's only voice: a process-wide callback of the host, none by default. Nothing is ever printed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace llava::core {

/// The numbers of include/llava/log.h.
enum class LogLevel : int32_t { debug = 0, info = 1, warning = 2, error = 3, off = 4 };

/// Called from any thread, one call at a time. What it throws is dropped; what it logs itself is dropped too.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;

/// Replaces the callback; an empty one makes the library silent. When this returns, the old one is not running any
/// more (but for the very call that replaces itself) and its copy is destroyed.
void set_log_sink(LogSink sink, LogLevel lowest = LogLevel::warning);
void set_log_level(LogLevel lowest) noexcept;

/// True when a message of this level would reach somebody: for messages that cost something to make.
bool log_wanted(LogLevel level) noexcept;

/// Hands the message over, cut to limits::kErrorTextBytes at a character; costs one atomic load when nobody listens.
void log_message(LogLevel level, std::string_view message) noexcept;

inline void log_warning(std::string_view message) noexcept { log_message(LogLevel::warning, message); }
inline void log_info(std::string_view message) noexcept { log_message(LogLevel::info, message); }

}  // namespace llava::core
