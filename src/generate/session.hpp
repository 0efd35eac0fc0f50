// A conversation with one model: its turns, the pictures in them, and the key-value cache of what is already computed.
//
// The prompt is built anew for every turn (text/prompt) and compared with what the cache holds; only what differs from
// there on is computed. So history can be cut, forked or edited freely, and the ids are always those of the reference,
// which tokenises the whole conversation.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/bundle.hpp"
#include "generate/sampler.hpp"
#include "image/content_hash.hpp"
#include "text/conversation.hpp"

namespace llava::core {

/// One piece of a turn. Exactly one of the fields is used, as `kind` says.
struct TurnPart {
  enum class Kind : uint8_t { text, picture, embedding, ids } kind = Kind::text;
  std::string text;
  std::shared_ptr<const HashedPicture> picture;
  std::shared_ptr<const ImageEmbedding> embedding;
  std::vector<int64_t> ids;  // raw ids below the model's vocabulary; -200 takes the next of `embeddings`
  std::vector<std::shared_ptr<const ImageEmbedding>> embeddings;
};

struct Turn {
  Role role = Role::user;
  std::vector<TurnPart> parts;
};

struct SessionOptions {
  std::optional<std::string> system;  // nullopt = the template's own
  std::string template_name;          // "" = the bundle's
  int64_t max_context = 0;            // 0 = the bundle's

  /// The model with the adapter of the moment (checkpoint/adapter): asked as each operation begins, for one whose base
  /// is the session's model. Empty: the bundle the session was made with. Pictures are encoded again, and the prompt is
  /// read again, where another adapter makes them other numbers.
  std::function<std::shared_ptr<const Bundle>()> current = {};
};

struct ChatOptions {
  SamplingOptions sampling;
  int64_t max_tokens = 512;  // -1 = until the context is full
  int64_t min_tokens = 0;
  std::vector<std::string> stop_strings;
  bool include_stop = false;
  std::vector<int32_t> stop_ids;
  bool ignore_eos = false;
  int64_t top_logprobs = -1;            // -1 = none, 0 = of the drawn token only, n = and of the n most likely
  const CancelToken* cancel = nullptr;  // borrowed until the generation has ended
  int64_t timeout_ms = -1;              // -1 = none
  bool keep_on_cancel = false;          // true: what was said before a cancel stays as the answer
  std::shared_ptr<const Bundle> model;  // instead of SessionOptions::current; nullptr: that
  bool commit_at_done = true;           // false: turn and answer become the session's in finish() only
};

/// Defaults of a model: its generation_config, else the values above.
ChatOptions default_chat_options(const Bundle& bundle);

enum class FinishReason : int32_t { stop = 0, stop_string = 1, length = 2, context = 3, cancelled = 4, timeout = 5 };
const char* finish_reason_name(FinishReason reason) noexcept;

/// Times are of work: what the caller does between two pulls is not counted.
struct Usage {
  int64_t prompt_tokens = 0;  // image rows included
  int64_t image_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, found in the cache
  int64_t completion_tokens = 0;
  double preprocess_ms = 0, encode_ms = 0, prompt_ms = 0, prefill_ms = 0;
  double first_token_ms = 0;  // all work until the first token was drawn
  double decode_ms = 0;       // from there to the last token
  double total_ms = 0;        // the two together
};

struct Response {
  std::string text;
  std::vector<int32_t> ids;  // as drawn, a final stop id included
  FinishReason reason = FinishReason::stop;
  std::vector<Draw> logprobs;
  uint64_t seed = 0;
  Usage usage;
};

struct Event {
  enum class Kind : int32_t { image_encoded = 0, prefill = 1, text = 2, token = 3, done = 4 } kind = Kind::done;
  std::string text;     // whole code points; empty for `token`: held back until it is complete or no stop string
  int32_t id = -1;      // text, token
  float logprob = 0;    // text, token; NaN where top_logprobs asked for none
  double progress = 0;  // image_encoded, prefill: 0 … 1
  int64_t index = 0;    // image_encoded: which image; text, token: which token of the answer
};

struct SessionStats {
  int64_t turns = 0;
  int64_t tokens_held = 0;      // positions in the key-value cache
  int64_t tokens_computed = 0;  // positions run through the language model
  int64_t images_encoded = 0;
  int64_t image_hits = 0;   // pictures found encoded already
  int64_t cache_bytes = 0;  // keys, values and encoded pictures
};

class Session;

/// One answer in the making, pulled event by event; each next() does a bounded piece of work on the calling thread.
/// Destroying it before the end cancels: the session is as before the call.
class Generation {
 public:
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  /// The next event; nullopt after `done`. A failure is thrown once the session has been put back as it was, and again
  /// by every later call.
  std::optional<Event> next();

  /// Does one bounded piece of work (prepares or encodes one picture, builds the prompt, reads 512 positions of it,
  /// draws one token) unless next() would answer at once. True when it would. Throws as next() does.
  bool step();

  /// Runs to the end and hands out the response; the turn and its answer now belong to the session.
  Response finish();

  /// The caller has heard enough: ends the answer here with reason `cancelled`; prompt and words so far stay. Before
  /// the first token the answer is empty.
  void stop();

  int64_t tokens() const;  // drawn so far

 private:
  friend class Session;
  struct State;
  explicit Generation(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  /// Throws Error(not_found) for an unknown template, Error(argument) for a context the model does not have,
  /// Error(unsupported) for a system text that the template has no place for, Error(context_full) when the prompt is
  /// too long before anything was said.
  static std::shared_ptr<Session> create(std::shared_ptr<const Bundle> bundle, const SessionOptions& options);
  ~Session();

  /// Begins an answer to `turn` (role user), or, without one, to what append() has added. The session is busy until the
  /// generation has ended. Turns of one role that follow each other are one message of the prompt.
  std::unique_ptr<Generation> start(std::optional<Turn> turn, const ChatOptions& options);

  /// Adds a turn without asking for an answer and computes it.
  void append(Turn turn, const CancelToken* cancel, int64_t timeout_ms);

  void reset();                           // no turns; the system text stays
  void rewind(int64_t turns);             // keeps the first `turns` turns; Error(argument) outside 0 … turn_count()
  std::shared_ptr<Session> fork() const;  // an independent session with the same past

  /// Replaces all turns without computing anything: the next answer does. For histories that come from outside.
  void set_turns(std::vector<Turn> turns);

  int64_t turn_count() const;
  Turn turn(int64_t index) const;
  int64_t used_tokens() const;  // positions the next prompt would have before a new turn; encodes waiting pictures
  int64_t context() const;

  /// What was done since the session was made, and what it holds. Never busy: may be asked from any thread.
  SessionStats stats() const noexcept;

  /// [{"role": "user", "content": [{"type": "text", "text": …}, {"type": "image", "hash": …}]}, …]; a turn of raw ids
  /// has {"type": "ids", "ids": […], "images": [hash, …]}.
  std::string history_json() const;

  /// The history with its image rows in one safetensors file, written atomically; no key-value cache. Encodes pictures
  /// that wait for it.
  void save(const std::string& path) const;
  static std::shared_ptr<Session> load(std::shared_ptr<const Bundle> bundle, const std::string& path,
                                       std::function<std::shared_ptr<const Bundle>()> current = {});

  /// Token ids the next prompt would begin with (system and all turns), -200 at image places. Encodes waiting pictures.
  std::vector<int64_t> prompt_ids() const;

  struct Data;  // private to generate/

 private:
  friend class Generation;
  explicit Session(std::unique_ptr<Data> data);
  std::unique_ptr<Data> data_;
};

}  // namespace llava::core
