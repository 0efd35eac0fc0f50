// Notices when a rank is gone, stopped or stuck, and sees to it that all others hear the same verdict. A thread a rank:
// it puts up signs of life on the board, answers when the roll is called, and looks for a verdict. Rank 0 watches all
// ranks, the others watch rank 0.
//
//   gone     a call failed: whoever noticed calls the roll; who does not answer in time is lost
//   stopped  no sign of life for `silent`
//   stuck    signs of life, but no progress for `stuck`, or ten times the longest gap that rank had, if that is more;
//            while it waits for others, or said that it is slow, nothing is expected of it
//   ended    a rank that cannot go on says so itself (abort)
//
// The first verdict on the board is everybody's.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "comm/board.hpp"
#include "comm/comm.hpp"

namespace llava::core {

struct Verdict {
  int64_t rank = -1;  // who is lost; -1 when nobody can be named
  std::string text;
};

struct WatchTimes {
  std::chrono::milliseconds look{250};         // for verdicts and roll calls
  std::chrono::milliseconds beat{4000};        // between signs of life
  std::chrono::milliseconds silent{15000};     // without one: a stopped rank is gone within 30 s, and the others
  std::chrono::milliseconds stuck{20000};      // without progress
  std::chrono::milliseconds roll_call{1200};   // to answer in
  std::chrono::milliseconds farewell{5000};    // that ranks wait for each other at the end
  std::chrono::milliseconds timeout{300'000};  // in which all wait for each other: nobody gets on
};

class Watchdog {
 public:
  /// `board` is this object's alone. All ranks have made theirs when the last constructor returns.
  Watchdog(std::unique_ptr<Board> board, int64_t rank, int64_t size, const WatchTimes& times);

  /// Waits for the others to come to their end too, unless there is a verdict.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // From the thread that trains; cheap.
  void progress(std::string_view phase, Doing doing);
  void waits(std::string_view call);  // for the others, until done()
  void done();
  void set_timeout(std::chrono::milliseconds timeout);

  /// What all ranks are told, once one of them knows.
  std::optional<Verdict> verdict();

  /// A call failed here with `what`: calls the roll and returns the verdict.
  Verdict lost(std::string_view what);

  /// This rank cannot go on: returns when the verdict is on the board, or could not be put there.
  void abort(std::string_view reason) noexcept;

  struct State;

 private:
  std::shared_ptr<State> state_;  // shared with the thread, which may hang in a store that has stopped
};

}  // namespace llava::core
