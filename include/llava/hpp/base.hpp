/** @file base.hpp Errors, handles, texts, cancel tokens, log: what the other parts of llava.hpp share. */
#ifndef LLAVA_HPP_BASE_HPP
#define LLAVA_HPP_BASE_HPP

#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../llava.h"

namespace llava {
inline namespace abi1 {

/** A failure: status, text, and the numbers of llava_last_error_json(). Since 0.1. */
class Error : public std::runtime_error {
 public:
  /** A failure with everything that is known of it. */
  Error(llava_status code, const std::string& text, std::string details)
      : std::runtime_error(text), code_(code), details_(std::make_shared<const std::string>(std::move(details))) {}

  /** One of the LLAVA_ERR_… numbers. */
  llava_status code() const noexcept { return code_; }

  /** JSON with code, name, message, function and details. */
  const std::string& details() const noexcept { return *details_; }

 private:
  llava_status code_;
  std::shared_ptr<const std::string> details_;
};

/** A run of numbers or handles that lie in memory one after another: a vector, an array, a std::span, a pointer and a
 * size. */
template <typename Item>
class View {
 public:
  View() = default;
  /** `size` items from `data` on. */
  View(const Item* data, std::size_t size) : data_(data), size_(size) {}
  /** The items of a list, for the duration of the call. */
  View(std::initializer_list<Item> list) : size_(list.size()) { data_ = list.begin(); }
  /** The items of a container with data() and size(). */
  template <typename Container, typename = decltype(std::declval<const Container&>().data())>
  View(const Container& items) : data_(items.data()), size_(items.size()) {}

  const Item* data() const { return data_; }        /**< the first item */
  std::size_t size() const { return size_; }        /**< how many */
  const Item* begin() const { return data_; }       /**< the first item */
  const Item* end() const { return data_ + size_; } /**< past the last item */

 private:
  const Item* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace detail {

/** Throws the last failure of this thread. */
[[noreturn]] inline void throw_last(llava_status status) {
  std::size_t needed = 0;
  std::string json;
  if (llava_last_error_json(nullptr, 0, &needed) == LLAVA_OK && needed > 0) {
    json.resize(needed);
    if (llava_last_error_json(&json[0], needed, &needed) == LLAVA_OK) json.resize(needed - 1);
  }
  throw Error(status, llava_last_error(), std::move(json));
}

inline void check(llava_status status) {
  if (status != LLAVA_OK) throw_last(status);
}

/** The content of a text the library handed over, which is released. */
inline std::string take(llava_string* string) {
  struct Free {
    void operator()(llava_string* s) const { llava_string_free(s); }
  };
  const std::unique_ptr<llava_string, Free> owner(string);
  return std::string(llava_string_data(string), llava_string_size(string));
}

/** One counted handle. */
template <typename C, llava_status (*Retain)(C*), void (*Free)(C*)>
class Handle {
 public:
  Handle() = default;                                    /**< no object; every use of it throws */
  Handle(const Handle& other) : handle_(other.handle_) { /**< shares the object */
    if (handle_) check(Retain(handle_));
  }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {} /**< takes the object */
  Handle& operator=(const Handle& other) { /**< shares the object; throws as the constructor does */
    return *this = Handle(other);
  }
  Handle& operator=(Handle&& other) noexcept { /**< takes the object */
    Free(std::exchange(handle_, std::exchange(other.handle_, nullptr)));
    return *this;
  }
  ~Handle() { Free(handle_); }

  C* get() const noexcept { return handle_; } /**< for calls to the C interface; still owned here */
  C* release() noexcept { return std::exchange(handle_, nullptr); } /**< for the C interface; owned by the caller now */
  void close() noexcept { Free(std::exchange(handle_, nullptr)); } /**< gives the object back before the end of scope */
  explicit operator bool() const noexcept { return handle_ != nullptr; } /**< whether there is an object */

 protected:
  explicit Handle(C* handle) noexcept : handle_(handle) {}
  C* handle_ = nullptr;
};

/** Runs a callback of the user; keeps what it throws for the caller of the operation. */
template <typename Call>
int32_t keep_exception(std::exception_ptr& kept, Call&& call) noexcept {
  try {
    return call();
  } catch (...) {
    kept = std::current_exception();
    return -1;
  }
}

/** check() that prefers an exception of a callback. */
inline void check(llava_status status, const std::exception_ptr& kept) {
  if (status == LLAVA_ERR_CALLBACK && kept) std::rethrow_exception(kept);
  check(status);
}

/** The two calls that copy numbers out. */
template <typename Item, typename Call>
std::vector<Item> copy_out(Call&& call) {
  std::size_t count = 0;
  check(call(static_cast<Item*>(nullptr), std::size_t{0}, &count));
  std::vector<Item> items(count);
  if (count) check(call(items.data(), items.size(), &count));
  return items;
}

/** A text for the C interface, which ends at the first NUL: one inside would cut it unseen, and is refused. */
inline const char* c_text(const std::string& text, const char* name) {
  const auto place = text.find('\0');
  if (place == std::string::npos) return text.c_str();
  const auto message = std::string(name) + " has a NUL at byte " + std::to_string(place) + ", expected a text without";
  throw Error(LLAVA_ERR_INVALID_ARGUMENT, message,
              "{\"code\":1,\"name\":\"INVALID_ARGUMENT\",\"message\":\"" + message +
                  "\",\"function\":\"llava.hpp\",\"details\":{}}");
}

inline const char* or_null(const std::string& text, const char* name) {
  return text.empty() ? nullptr : c_text(text, name);
}

/** A choice for the C interface, where "" means none and NULL that nothing was chosen. */
inline const char* or_null(const std::optional<std::string>& text, const char* name) {
  return text ? c_text(*text, name) : nullptr;
}

}  // namespace detail

/** Asks running operations to stop; shared between threads by copying. Since 0.1. */
class Cancel : public detail::Handle<llava_cancel, llava_cancel_retain, llava_cancel_free> {
 public:
  /** A new token. */
  static Cancel create() {
    Cancel cancel;
    detail::check(llava_cancel_create(&cancel.handle_));
    return cancel;
  }
  void cancel() const { detail::check(llava_cancel_cancel(handle_)); } /**< from any thread or signal handler */
  void reset() const { detail::check(llava_cancel_reset(handle_)); }   /**< new again */
  bool is_cancelled() const { return llava_cancel_is_cancelled(handle_) != 0; } /**< whether cancel() was called */
  void set_deadline_ms(int64_t timeout_ms) const {                              /**< from now; -1 removes it */
    detail::check(llava_cancel_set_deadline_ms(handle_, timeout_ms));
  }
};

/** The version of the library that is running. */
inline std::string version() { return llava_version(); }

/** How the library was built, as JSON. */
inline std::string build_info_json() { return llava_build_info_json(); }

/** Whether this build has a feature; see llava_has_feature(). */
inline bool has_feature(const std::string& name) { return llava_has_feature(detail::c_text(name, "name")) != 0; }

/** Living objects by type, as JSON. */
inline std::string live_objects_json() {
  llava_string* text = nullptr;
  detail::check(llava_live_objects(&text));
  return detail::take(text);
}

/** Importance of a message. */
enum class LogLevel : int32_t { debug = 0, info = 1, warning = 2, error = 3, off = 4 };

/** Sets the log callback of the process; an empty function removes it. It may call nothing of
 * the library but Cancel::cancel(). */
inline void set_log(std::function<void(LogLevel, std::string_view)> log, LogLevel level = LogLevel::warning) {
  using Function = std::function<void(LogLevel, std::string_view)>;
  if (!log) return detail::check(llava_log_set(nullptr, static_cast<int32_t>(level), nullptr, nullptr));
  auto owner = std::make_unique<Function>(std::move(log));
  const auto call = [](int32_t severity, const char* text, void* user_data) -> int32_t {
    (*static_cast<Function*>(user_data))(static_cast<LogLevel>(severity), text);
    return 0;
  };
  const auto destroy = [](void* user_data) { delete static_cast<Function*>(user_data); };
  detail::check(llava_log_set(call, static_cast<int32_t>(level), owner.get(), destroy));
  owner.release();
}

}  // namespace abi1
}  // namespace llava

#endif
