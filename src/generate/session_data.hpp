// What a session and the generation that runs on it share. Private to generate/.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "generate/session.hpp"
#include "generate/slots.hpp"
#include "model/kv_cache.hpp"

namespace llava::core {

struct Session::Data {
  Data(std::shared_ptr<const Bundle> owner, const SessionOptions& chosen);

  std::shared_ptr<const Bundle> bundle;  // as the operation under way uses it: with or without an adapter
  SessionOptions options;
  const Template* format = nullptr;
  int64_t context = 0;
  std::vector<Turn> turns;  // pictures turned into embeddings, but for those that set_turns() brought
  KvCache cache;
  std::vector<Slot> cached;                                    // the slots whose rows the cache holds
  std::string cached_variant;                                  // Bundle::variant that computed them
  std::vector<std::shared_ptr<const ImageEmbedding>> encoded;  // of the last pictures, the latest used at the end
  enum class Holder { nobody, reader, operation };
  std::atomic<Holder> holder{Holder::nobody};

  /// Counters that may be read while an operation runs.
  struct Counters {
    std::atomic<int64_t> turns{0}, tokens_held{0}, tokens_computed{0}, images_encoded{0}, image_hits{0}, cache_bytes{0};
  } counters;
  void update_counters() noexcept;

  /// Takes the model for the operation that begins: `chosen`, else the current one.
  void use(std::shared_ptr<const Bundle> chosen);

  /// The embedding of a picture that this session has encoded before with the present model; nullptr for a new one.
  std::shared_ptr<const ImageEmbedding> known(const std::string& hash);

  /// Whether the rows were made with another tower or projector than the present ones.
  bool is_stale(const ImageEmbedding& image) const { return image.fingerprint != bundle->image_fingerprint; }

  /// Error(argument) for stale rows that cannot be made again, because they came as numbers.
  void check_images(const std::vector<Turn>& list) const;

  /// The two steps of encoding a new one: pixels of all its tiles [T, 3, S, S], then the rows, which are remembered.
  PreparedPicture prepare(const HashedPicture& picture, const Cancel& cancel, Usage& usage) const;
  std::shared_ptr<const ImageEmbedding> encode(const std::string& hash, const PreparedPicture& source,
                                               const Cancel& cancel, Usage& usage);

  /// Turns every picture of `list` into its embedding; what was done before a failure stays done. `again`: makes stale
  /// rows again too.
  void encode_all(std::vector<Turn>& list, const Cancel& cancel, bool again = false);

  /// The prompt of `list`, pictures encoded where they were not; stale rows stay, they are as many.
  std::vector<Slot> slots_of(std::vector<Turn>& list, const Cancel& cancel);

  /// Error(unsupported | limit | argument) for a turn that cannot be worked on.
  void check_turn(const Turn& turn) const;

  /// Error(context_full) with the numbers when `slots` and `answer` more rows do not fit.
  void check_room(const std::vector<Slot>& slots, int64_t answer) const;

  /// Error(unsupported | context_full) when there is no prompt to begin a conversation with.
  void check_beginning() const;

  /// Cuts the cache back to the first `slots` of what `cached` says, and to `cached` where a piece of a prompt went
  /// further.
  void keep_cached(size_t slots) noexcept;

  /// Error(internal) unless the cache holds exactly the rows of `cached`.
  void check_cache() const;
};

/// Holds a session for one operation and takes the model for it, after a reader's moment; Error(busy) when another one runs,
/// Error(internal) when the last one left the cache and its list of slots apart.
class SessionLock {
 public:
  explicit SessionLock(Session::Data& data, std::shared_ptr<const Bundle> chosen = nullptr);
  ~SessionLock() { release(); }
  SessionLock(SessionLock&& other) noexcept : holder_(std::exchange(other.holder_, nullptr)) {}
  SessionLock(const SessionLock&) = delete;
  SessionLock& operator=(const SessionLock&) = delete;
  SessionLock& operator=(SessionLock&&) = delete;
  bool holds() const noexcept { return holder_ != nullptr; }
  void release() noexcept {
    if (holder_) std::exchange(holder_, nullptr)->store(Session::Data::Holder::nobody);
  }

 private:
  std::atomic<Session::Data::Holder>* holder_;
};

/// Holds a session for the moment it takes to look at its turns; Error(busy) when an operation runs. Nobody is refused
/// because of it.
class SessionReading {
 public:
  explicit SessionReading(Session::Data& data);
  ~SessionReading() { data_.holder.store(Session::Data::Holder::nobody); }
  SessionReading(const SessionReading&) = delete;
  SessionReading& operator=(const SessionReading&) = delete;

 private:
  Session::Data& data_;
};

/// Computes what of `slots` the cache does not hold, all rows but those of the common beginning; `after_chunk(done,
/// total)` is called after every piece. Returns the hidden row after the last slot, [1, D]. On failure the cache holds
/// the common beginning; who gives up before the end calls keep_cached(kept()).
class Prefill {
 public:
  Prefill(Session::Data& data, std::vector<Slot> slots);
  bool done() const { return begin_ == rows_LD_.size(0); }
  double progress() const { return static_cast<double>(begin_) / static_cast<double>(rows_LD_.size(0)); }
  int64_t cached_rows() const { return cached_rows_; }
  size_t kept() const { return kept_; }
  void step(const Cancel& cancel);
  at::Tensor last_hidden() const { return last_hidden_1D_; }

 private:
  Session::Data& data_;
  std::vector<Slot> slots_;
  size_t kept_ = 0;
  int64_t cached_rows_ = 0;
  at::Tensor rows_LD_;
  int64_t begin_ = 0;
  at::Tensor last_hidden_1D_;
};

}  // namespace llava::core
