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

  void work();  // one bounded piece; throws on failure
  bool must_encode(const TurnPart& part) const;
  bool encode_step();
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
  template <typename Work>
  void guarded(Work&& work);  // what it throws becomes `failure`, and the session is as before

  std::shared_ptr<Session> session;
  Session::Data& data;
  SessionLock held;
  ChatOptions options;
  Cancel cancel;
  std::vector<Turn> turns;         // the session's, with the new one
  std::vector<int64_t> end_marks;  // ids that end the answer, of model and template; none with ignore_eos
  Sampler sampler;
  StopMatcher stops;
  Detokenizer detokenizer;

  int64_t worked_ns = 0;       // in the pieces that are done
  int64_t piece_begin_ns = 0;  // of the one under way
  double worked_ms() const { return static_cast<double>(worked_ns + now_ns() - piece_begin_ns) * 1e-6; }

  int64_t pictures = 0;  // to encode
  int64_t encoded = 0;
  PreparedPicture prepared;  // the next picture, once it is
  std::unique_ptr<Prefill> prefill;
  at::Tensor hidden_1D;          // after the last position computed
  std::vector<int32_t> history;  // ids of prompt and answer, for penalties
  std::deque<Event> ready;
  Response response;
  float last_logprob = 0;
  bool finished = false;   // no more tokens will be drawn
  bool committed = false;  // turn and answer belong to the session
  bool told_done = false;
  std::exception_ptr failure;
};

}  // namespace llava::core
