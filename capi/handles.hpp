// What a handle of the C ABI points to: a small control block that says which type it is, how many references the
// caller holds, and which object it stands for. Blocks come from a pool and are never given back, so a freed handle, a
// handle of another type and a pointer that never was one are recognised without touching freed memory. A freed block
// is used again only after kQuarantine later ones were freed, oldest first; a checked build (LLAVA_CHECKED) never uses
// one again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace llava::capi {

enum class HandleKind : uint8_t {
  none,
  string,
  buffer,
  cancel,
  image,
  model,
  tensor,
  embedding,
  message,
  decoder,
  session,
  stream,
  event,
  response,
  report,
  adapter,
  trainer
};
inline constexpr size_t kHandleKinds = 17;
inline constexpr size_t kQuarantine = 4096;

/// "llava_image", the C name of the type; "nothing" for none.
const char* handle_kind_name(HandleKind kind) noexcept;

/// Counts living objects by type: every object behind a handle derives from Live<its kind>.
extern std::array<std::atomic<int64_t>, kHandleKinds> live_counts;

template <HandleKind kind>
struct Live {
  Live() noexcept { live_counts[static_cast<size_t>(kind)].fetch_add(1, std::memory_order_relaxed); }
  ~Live() { live_counts[static_cast<size_t>(kind)].fetch_sub(1, std::memory_order_relaxed); }
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;
};

/// A new handle with one reference to `object`.
void* make_handle(HandleKind kind, std::shared_ptr<void> object);

/// The object behind a handle, kept alive by the result whatever other threads free meanwhile. Throws Error(argument)
/// that names `argument` for NULL, a foreign pointer, a freed handle, a handle of another type.
std::shared_ptr<void> object_of(const void* handle, HandleKind kind, const char* argument);

/// What is wrong with a handle.
enum class HandleFlaw : uint8_t { none, null, foreign, freed, other_type };

/// Calls `use` with the object of a good handle. Takes no lock, allocates and frees nothing and throws nothing, so that
/// a signal handler may call it whatever it interrupted: an object whose last reference went meanwhile is freed by a
/// later make_handle() or release_handle().
HandleFlaw use_in_signal(const void* handle, HandleKind kind, void (*use)(void* object)) noexcept;

/// One more reference; throws as object_of() does.
void retain_handle(void* handle, HandleKind kind, const char* argument);

/// One reference less; the last one lets go of the object (outside every lock). Throws as object_of() does, never for
/// NULL.
void release_handle(void* handle, HandleKind kind, const char* argument);

/// Which C type stands for which object: specialised in objects.hpp.
template <typename Handle>
struct HandleType;

template <typename Handle>
std::shared_ptr<typename HandleType<Handle>::Object> get(const Handle* handle, const char* argument) {
  return std::static_pointer_cast<typename HandleType<Handle>::Object>(
      object_of(handle, HandleType<Handle>::kind, argument));
}

template <typename Handle>
Handle* wrap(std::shared_ptr<typename HandleType<Handle>::Object> object) {
  return static_cast<Handle*>(make_handle(HandleType<Handle>::kind, std::move(object)));
}

}  // namespace llava::capi
