// Everything one answer in the making holds. Private to generate/.
#pragma once

#include <deque>
#include <exception>
#include <memory>
#include <vector>

#include "base/cancel.hpp"
#include "base/limits.hpp"
#include "generate/session_data.hpp"
#include "generate/stop.hpp"
#include "text/detokenizer.hpp"

namespace llava::core {

struct Generation::State {
  State(std::shared_ptr<Session> owner, Session::Data& shared, SessionLock lock, std::optional<Turn> added,
        const ChatOptions& chosen);

  void work();  // one bounded piece: at least one event becomes ready, or it throws
  bool encode_one();
  void begin_prefill();
  void prefill_step();
  void token_step();
  void feed_last();
  Draw draw();
  bool ends_answer(int32_t id) const;
  void end(FinishReason reason);
  bool keep_partial(const Error& error);
  void flush_text();
  void commit();
  void roll_back() noexcept;

  std::shared_ptr<Session> session;
  Session::Data& data;
  SessionLock held;
  ChatOptions options;
  Cancel cancel;
  std::vector<Turn> turns;  // the session's, with the new one
  Sampler sampler;
  StopMatcher stops;
  Detokenizer detokenizer;
  int64_t start_ns;

  int64_t pictures = 0;  // to encode
  int64_t encoded = 0;
  std::unique_ptr<Prefill> prefill;
  at::Tensor hidden_1D;          // after the last position computed
  std::vector<int32_t> history;  // ids of prompt and answer, for penalties
  std::deque<Event> ready;
  Response response;
  bool finished = false;   // no more tokens will be drawn
  bool committed = false;  // turn and answer belong to the session
  bool told_done = false;
  std::exception_ptr failure;
};

}  // namespace llava::core
