#include "failing_malloc.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <limits>

extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* memory);
}

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

std::atomic<bool> armed{false};
std::atomic<int64_t> asked{0}, failed{0}, first{kNever}, last{kNever};

bool refuses() {
  if (!armed.load(std::memory_order_acquire)) return false;
  const auto number = asked.fetch_add(1);
  if (number < first.load() || number > last.load()) return false;
  failed.fetch_add(1);
  errno = ENOMEM;
  return true;
}

void start(int64_t from, int64_t to) {
  asked = 0;
  failed = 0;
  first = from;
  last = to;
  armed.store(true, std::memory_order_release);
}

}  // namespace

namespace faults {

void count() { start(kNever, kNever); }

void arm(int64_t which, Mode mode) { start(which, mode == Mode::once ? which : kNever); }

int64_t disarm() {
  armed.store(false, std::memory_order_release);
  return asked.load();
}

int64_t failures() { return failed.load(); }

}  // namespace faults

#pragma GCC visibility push(default)  // LibTorch, libllava and libstdc++ must find these first
extern "C" {

void* malloc(size_t size) { return refuses() ? nullptr : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return refuses() ? nullptr : __libc_calloc(count, size); }
void* realloc(void* old, size_t size) { return size > 0 && refuses() ? nullptr : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) { return refuses() ? nullptr : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return refuses() ? nullptr : __libc_memalign(alignment, size); }
void free(void* memory) { __libc_free(memory); }

int posix_memalign(void** out, size_t alignment, size_t size) {
  void* const memory = refuses() ? nullptr : __libc_memalign(alignment, size);
  if (memory == nullptr) return ENOMEM;
  *out = memory;
  return 0;
}

}  // extern "C"
#pragma GCC visibility pop
