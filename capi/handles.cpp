// The pool of control blocks. Reading a handle is lock-free, so that a cancel token can be used in a signal handler.
#include "handles.hpp"

#include <mutex>
#include <string>

#include "base/error.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Status;

std::array<std::atomic<int64_t>, kHandleKinds> live_counts{};

namespace {

constexpr uint64_t kPin = 1;                        // a call is looking at the block
constexpr uint64_t kReference = uint64_t{1} << 32;  // the caller holds one
constexpr uint64_t kMostReferences = uint64_t{1} << 31;

struct alignas(64) Block {
  std::atomic<uint64_t> word{0};  // references and pins; 0 = free
  std::atomic<HandleKind> kind{HandleKind::none};
  std::shared_ptr<void> object;
  Block* next_free = nullptr;
};

// Slab i holds kFirstSlab << i blocks; they are found by address, and reachable for ever.
constexpr size_t kFirstSlab = 1024;
constexpr size_t kSlabs = 24;
std::array<std::atomic<Block*>, kSlabs> slabs{};

std::mutex pool_mutex;  // guards what follows; never held while an object is destroyed or a callback runs
size_t slab_count = 0;
size_t used_in_last_slab = 0;
Block* oldest_free = nullptr;
Block* newest_free = nullptr;
size_t free_count = 0;

std::atomic<Block*> deferred{nullptr};  // blocks whose last pin was a signal handler's, to be retired by a call

constexpr size_t slab_size(size_t slab) { return kFirstSlab << slab; }

Block* find_block(const void* handle) noexcept {
  const auto address = reinterpret_cast<uintptr_t>(handle);
  for (size_t i = 0; i < kSlabs; ++i) {
    Block* slab = slabs[i].load(std::memory_order_acquire);
    if (!slab) return nullptr;
    const auto begin = reinterpret_cast<uintptr_t>(slab);
    if (address < begin || address >= begin + slab_size(i) * sizeof(Block)) continue;
    return (address - begin) % sizeof(Block) == 0 ? slab + (address - begin) / sizeof(Block) : nullptr;
  }
  return nullptr;
}

// A block from quarantine when that is long enough, else a fresh one. The caller holds the mutex.
Block* take_block() {
#ifndef LLAVA_CHECKED
  if (free_count > kQuarantine) {
    Block* block = oldest_free;
    oldest_free = block->next_free;
    --free_count;
    return block;
  }
#endif
  if (slab_count == 0 || used_in_last_slab == slab_size(slab_count - 1)) {
    if (slab_count == kSlabs) throw Error(Status::limit, "too many handles");
    slabs[slab_count].store(new Block[slab_size(slab_count)], std::memory_order_release);
    ++slab_count;
    used_in_last_slab = 0;
  }
  return slabs[slab_count - 1].load(std::memory_order_relaxed) + used_in_last_slab++;
}

// The last reference and the last pin are gone: frees the object, then queues the block.
void retire(Block* block) noexcept {
  { const auto object = std::move(block->object); }
  const std::lock_guard lock(pool_mutex);
  block->next_free = nullptr;
  (free_count++ ? newest_free->next_free : oldest_free) = block;
  newest_free = block;
}

void subtract(Block* block, uint64_t amount) noexcept {
  if (block->word.fetch_sub(amount, std::memory_order_acq_rel) == amount) retire(block);
}

// The same in a signal handler, where nothing may be freed.
void unpin_deferred(Block* block) noexcept {
  if (block->word.fetch_sub(kPin, std::memory_order_acq_rel) != kPin) return;
  block->next_free = deferred.load(std::memory_order_relaxed);
  while (!deferred.compare_exchange_weak(block->next_free, block, std::memory_order_acq_rel)) {
  }
}

void retire_deferred() noexcept {
  for (Block* block = deferred.exchange(nullptr, std::memory_order_acq_rel); block;) {
    Block* const next = block->next_free;
    retire(block);
    block = next;
  }
}

const char* flaw_name(HandleFlaw flaw) noexcept {
  switch (flaw) {
    case HandleFlaw::null:
      return "is NULL";
    case HandleFlaw::foreign:
      return "is no handle of this library";
    case HandleFlaw::freed:
      return "is a freed handle";
    default:
      return "is a handle of another type";
  }
}

// Pins the block of a living handle; also one of another type. No lock, no memory, no exception.
HandleFlaw pin(const void* handle, HandleKind kind, Block*& block) noexcept {
  if (!handle) return HandleFlaw::null;
  block = find_block(handle);
  if (!block) return HandleFlaw::foreign;
  auto word = block->word.load(std::memory_order_relaxed);
  do {
    if (word < kReference) return HandleFlaw::freed;
  } while (!block->word.compare_exchange_weak(word, word + kPin, std::memory_order_acq_rel));
  return block->kind.load(std::memory_order_relaxed) == kind ? HandleFlaw::none : HandleFlaw::other_type;
}

class Pinned {
 public:
  Pinned(const void* handle, HandleKind kind, const char* argument) {
    const auto flaw = pin(handle, kind, block_);
    if (flaw == HandleFlaw::none) return;
    std::string found = flaw_name(flaw);
    if (flaw == HandleFlaw::other_type) {
      found = cat("is a ", handle_kind_name(block_->kind.load(std::memory_order_relaxed)));
      subtract(block_, kPin);
    }
    throw Error(Status::argument, cat(argument, ' ', found, ", expected a ", handle_kind_name(kind)));
  }
  ~Pinned() { subtract(block_, kPin); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

  Block& block() const { return *block_; }

 private:
  Block* block_ = nullptr;
};

}  // namespace

const char* handle_kind_name(HandleKind kind) noexcept {
  static constexpr const char* kNames[kHandleKinds] = {
      "nothing",      "llava_string",    "llava_buffer",  "llava_cancel",  "llava_image",   "llava_model",
      "llava_tensor", "llava_embedding", "llava_message", "llava_decoder", "llava_session", "llava_stream",
      "llava_event",  "llava_response",  "llava_report",  "llava_adapter", "llava_trainer"};
  return kNames[static_cast<size_t>(kind)];
}

void* make_handle(HandleKind kind, std::shared_ptr<void> object) {
  retire_deferred();
  Block* block = nullptr;
  {
    const std::lock_guard lock(pool_mutex);
    block = take_block();
  }
  block->object = std::move(object);
  block->kind.store(kind, std::memory_order_relaxed);
  block->word.store(kReference, std::memory_order_release);
  return block;
}

std::shared_ptr<void> object_of(const void* handle, HandleKind kind, const char* argument) {
  const Pinned pinned(handle, kind, argument);
  return pinned.block().object;
}

HandleFlaw use_in_signal(const void* handle, HandleKind kind, void (*use)(void* object)) noexcept {
  Block* block = nullptr;
  const auto flaw = pin(handle, kind, block);
  if (flaw == HandleFlaw::none) use(block->object.get());
  if (flaw == HandleFlaw::none || flaw == HandleFlaw::other_type) unpin_deferred(block);
  return flaw;
}

void retain_handle(void* handle, HandleKind kind, const char* argument) {
  const Pinned pinned(handle, kind, argument);
  auto& word = pinned.block().word;
  auto seen = word.load(std::memory_order_relaxed);
  do {
    if (seen < kReference) throw Error(Status::argument, cat(argument, " is a freed handle"));
    if (seen >> 32 >= kMostReferences) throw Error(Status::limit, cat(argument, " has too many references"));
  } while (!word.compare_exchange_weak(seen, seen + kReference, std::memory_order_acq_rel));
}

void release_handle(void* handle, HandleKind kind, const char* argument) {
  if (!handle) return;
  retire_deferred();
  const Pinned pinned(handle, kind, argument);
  auto& word = pinned.block().word;
  auto seen = word.load(std::memory_order_relaxed);
  do {
    if (seen < kReference) throw Error(Status::argument, cat(argument, " is a freed handle"));
  } while (!word.compare_exchange_weak(seen, seen - kReference, std::memory_order_acq_rel));
}

}  // namespace llava::capi
