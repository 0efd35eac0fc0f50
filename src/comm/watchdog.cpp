// The thread that watches, and its mailbox.
#include "comm/watchdog.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"

namespace llava::core {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Between the thread that trains and the one that watches; all under `mutex`.
struct Watchdog::State {
  std::mutex mutex;
  std::condition_variable woken;
  WatchTimes times;

  // of this rank
  int64_t progress = 0;
  char doing = 's';  // b busy, s slow, w waits
  char before_wait = 's';
  std::string phase = "start";
  Clock::time_point since = Clock::now();  // its last progress
  milliseconds longest{0};                 // it was busy without one

  // asked of the thread
  bool stop = false;
  std::optional<std::string> lost, ended;

  // told by the thread
  Clock::time_point last_look = Clock::now();
  std::optional<Verdict> verdict;
  bool finished = false;

  std::optional<Clock::time_point> stale_since;  // the thread has not come back from the store
};

namespace {

milliseconds between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration_cast<milliseconds>(to - from);
}

std::string seconds(milliseconds time) { return cat(static_cast<double>(time.count() / 100) / 10, " s"); }

// What one rank last put up: "<beats> <progress> <doing> <longest ms> <phase>".
struct Sign {
  int64_t beats = 0, progress = 0, longest_ms = 0;
  char doing = 's';
  std::string phase;
  Clock::time_point beaten, progressed;  // when each was seen to change

  void read(const std::string& text, Clock::time_point now) {
    long long beats_now = 0, progress_now = 0, longest_now = 0;
    int end = 0;
    if (std::sscanf(text.c_str(), "%lld %lld %c %lld %n", &beats_now, &progress_now, &doing, &longest_now, &end) < 4)
      return;
    if (beats_now != beats) beaten = now;
    if (progress_now != progress) progressed = now;
    beats = beats_now, progress = progress_now, longest_ms = longest_now;
    phase = text.substr(static_cast<size_t>(end));
  }
};

class Watcher {
 public:
  Watcher(std::shared_ptr<Watchdog::State> state, std::unique_ptr<Board> board, int64_t rank, int64_t size)
      : state_(std::move(state)), board_(std::move(board)), rank_(rank), size_(size) {
    const auto now = Clock::now();
    signs_.resize(static_cast<size_t>(size));
    for (auto& sign : signs_) sign.beaten = sign.progressed = now;
  }

  void beat();
  void run();

 private:
  bool is_watched(int64_t rank) const { return rank != rank_ && (rank_ == 0 || rank == 0); }
  bool look(Clock::time_point now);
  void call_roll(Clock::time_point now, const std::string& what);
  void judge(Clock::time_point now);
  void forgive(Clock::time_point now);
  void post(const Verdict& verdict);
  void receive();
  void deliver(Verdict verdict);
  void wait_for_receipts(int64_t but);
  void say_farewell();

  std::shared_ptr<Watchdog::State> state_;
  std::unique_ptr<Board> board_;
  int64_t rank_, size_;
  std::vector<Sign> signs_;
  Clock::time_point next_beat_{}, roll_ends_{};
  int64_t beats_ = 0;
  bool answered_ = false, calling_ = false, judged_ = false;
};

void Watcher::beat() {
  std::string text;
  {
    const std::lock_guard lock(state_->mutex);
    text = cat(++beats_, ' ', state_->progress, ' ', state_->doing, ' ', state_->longest.count(), ' ', state_->phase);
    next_beat_ = Clock::now() + state_->times.beat;
  }
  board_->put(cat("beat/", rank_), text);
}

void Watcher::run() {
  auto pause = state_->times.look;
  auto before = Clock::now();
  bool stop = false;
  try {
    for (;;) {
      {
        std::unique_lock lock(state_->mutex);
        state_->woken.wait_for(lock, pause,
                               [&] { return state_->stop || (state_->lost && !calling_) || state_->ended; });
        stop = state_->stop;
        state_->last_look = Clock::now();
      }
      if (stop) break;
      const auto now = Clock::now();
      if (between(before, now) > pause + milliseconds(2000)) forgive(now);  // this process was stopped itself
      if (look(now)) break;
      pause = calling_ ? milliseconds(20) : state_->times.look;
      before = Clock::now();
    }
    if (stop && !judged_) say_farewell();
  } catch (const std::exception& error) {
    if (!stop) deliver({0, cat("rank 0 is lost: ", error.what())});
  }
  board_.reset();  // before anybody hears of the end, and the process may end too
  const std::lock_guard lock(state_->mutex);
  state_->finished = true;
  state_->woken.notify_all();
}

// True when there is a verdict.
bool Watcher::look(Clock::time_point now) {
  if (board_->has("verdict")) return receive(), true;
  if (!answered_ && board_->has("call")) {
    board_->put(cat("here/", rank_), "");
    answered_ = true;
  }
  std::optional<std::string> lost, ended;
  {
    const std::lock_guard lock(state_->mutex);
    lost = state_->lost, ended = state_->ended;
  }
  if (ended)
    post({rank_, cat("rank ", rank_, " stopped: ", *ended)});
  else if (lost)
    call_roll(now, *lost);
  if (!judged_ && now >= next_beat_) {
    beat();
    judge(now);
  }
  return judged_;
}

void Watcher::call_roll(Clock::time_point now, const std::string& what) {
  if (!calling_) {
    board_->put("call", "");
    board_->put(cat("here/", rank_), "");
    calling_ = answered_ = true;
    roll_ends_ = now + state_->times.roll_call;
  }
  std::vector<int64_t> missing, left;  // left: waits at its end for the others, and is not the one that broke a call
  for (int64_t r = 0; r < size_; ++r)
    if (!board_->has(cat("here/", r))) (board_->has(cat("gone/", r)) ? left : missing).push_back(r);
  if (missing.empty() && left.empty()) return post({-1, cat("a connection between ranks was lost: ", what)});
  if (now < roll_ends_) return;
  if (missing.empty())
    return post({left.front(), cat("rank ", left.front(), " has left before the others were done (", what, ")")});
  std::string names;
  for (const auto r : missing) names += cat(names.empty() ? "" : ", ", r);
  post({missing.front(),
        cat(missing.size() == 1 ? "rank " : "ranks ", names,
            missing.size() == 1 ? " is lost: it does not answer (" : " are lost: they do not answer (", what, ")")});
}

void Watcher::judge(Clock::time_point now) {
  const auto times = [&] {
    const std::lock_guard lock(state_->mutex);
    return state_->times;
  }();
  bool all_wait = rank_ == 0;
  auto idle = milliseconds::max();
  for (int64_t r = 0; r < size_ && !judged_; ++r) {
    auto& sign = signs_[static_cast<size_t>(r)];
    if (r != rank_ && !is_watched(r)) continue;
    const auto name = cat("beat/", r);
    if (board_->has(name)) sign.read(board_->get(name), now);
    const auto quiet = between(sign.beaten, now), still = between(sign.progressed, now);
    all_wait = all_wait && sign.doing == 'w';
    idle = std::min(idle, still);
    if (r == rank_ || ((quiet > times.silent || sign.doing == 'b') && board_->has(cat("gone/", r)))) continue;
    if (quiet > times.silent)
      post({r, cat("rank ", r, " is lost: no sign of life for ", seconds(quiet), "; it was at: ", sign.phase)});
    else if (sign.doing == 'b' && still > std::max(times.stuck, milliseconds(10 * sign.longest_ms)))
      post({r, cat("rank ", r, " is stuck: no progress for ", seconds(still), "; it is at: ", sign.phase)});
  }
  if (!judged_ && all_wait && idle > times.timeout)
    post({-1, cat("all ranks have waited for each other for ", seconds(idle), ", rank 0 in ", signs_[0].phase)});
}

void Watcher::forgive(Clock::time_point now) {
  for (auto& sign : signs_) sign.beaten = sign.progressed = now;
  next_beat_ = now;
}

void Watcher::post(const Verdict& verdict) {
  board_->put_first("verdict", cat(verdict.rank, ' ', verdict.text));
  receive();
}

void Watcher::receive() {
  const auto text = board_->get("verdict");
  const auto blank = text.find(' ');
  Verdict verdict{-1, text};
  if (blank != std::string::npos) verdict = {std::atoll(text.c_str()), text.substr(blank + 1)};
  judged_ = true;
  try {
    board_->put(cat("receipt/", rank_), "");
    if (rank_ == 0) wait_for_receipts(verdict.rank);
  } catch (const Error& error) {
    log_info(error.message());  // the verdict stands
  }
  deliver(std::move(verdict));
}

// Rank 0 keeps the board: if it left at once, the others would take it for the one that is lost.
void Watcher::wait_for_receipts(int64_t but) {
  const auto end = Clock::now() + std::max(3 * state_->times.look, milliseconds(700));
  for (int64_t r = 1; r < size_; ++r) {
    while (r != but && Clock::now() < end && !board_->has(cat("receipt/", r)))
      std::this_thread::sleep_for(milliseconds(10));
  }
}

void Watcher::deliver(Verdict verdict) {
  const std::lock_guard lock(state_->mutex);
  judged_ = true;
  if (!state_->verdict) state_->verdict = std::move(verdict);
  state_->woken.notify_all();
}

void Watcher::say_farewell() {
  board_->put(cat("gone/", rank_), "");
  board_->add("farewells", 1);
  const auto end = Clock::now() + state_->times.farewell;
  while (Clock::now() < end && board_->add("farewells", 0) < size_ && !board_->has("verdict"))
    std::this_thread::sleep_for(milliseconds(10));
  if (rank_ == 0) std::this_thread::sleep_for(milliseconds(30));  // so that the others see it too
}

}  // namespace

Watchdog::Watchdog(std::unique_ptr<Board> board, int64_t rank, int64_t size, const WatchTimes& times)
    : state_(std::make_shared<State>()) {
  state_->times = times;
  auto watcher = std::make_unique<Watcher>(state_, std::move(board), rank, size);
  watcher->beat();
  std::thread([watcher = std::move(watcher)] { watcher->run(); }).detach();  // ~Watchdog waits, but not for ever
}

Watchdog::~Watchdog() {
  std::unique_lock lock(state_->mutex);
  state_->stop = true;
  state_->woken.notify_all();
  // after a verdict nobody waits for anybody, and the thread may hang in a store that has stopped
  const auto patience = state_->verdict ? 2 * state_->times.look : state_->times.farewell + milliseconds(1000);
  state_->woken.wait_for(lock, patience, [&] { return state_->finished; });
}

void Watchdog::progress(std::string_view phase, Doing doing) {
  const std::lock_guard lock(state_->mutex);
  const auto now = Clock::now();
  if (state_->doing == 'b') state_->longest = std::max(state_->longest, between(state_->since, now));
  ++state_->progress;
  state_->since = now;
  state_->phase = phase;
  state_->doing = doing == Doing::slow ? 's' : 'b';
}

void Watchdog::waits(std::string_view call) {
  const std::lock_guard lock(state_->mutex);
  const auto now = Clock::now();
  if (state_->doing == 'b') state_->longest = std::max(state_->longest, between(state_->since, now));
  ++state_->progress;
  state_->since = now;
  state_->before_wait = state_->doing;
  state_->doing = 'w';
  state_->phase = call;
}

void Watchdog::done() {
  const std::lock_guard lock(state_->mutex);
  ++state_->progress;
  state_->since = Clock::now();
  state_->doing = state_->before_wait;
  state_->phase = cat("after ", state_->phase);
}

void Watchdog::set_timeout(milliseconds timeout) {
  const std::lock_guard lock(state_->mutex);
  state_->times.timeout = timeout;
}

std::optional<Verdict> Watchdog::verdict() {
  const std::lock_guard lock(state_->mutex);
  const auto now = Clock::now();
  if (state_->verdict) return state_->verdict;
  if (state_->finished || between(state_->last_look, now) < state_->times.silent) {
    state_->stale_since.reset();
    return {};
  }
  // A process that was stopped itself finds everything old: only what stays so counts.
  if (!state_->stale_since) state_->stale_since = now;
  if (between(*state_->stale_since, now) < milliseconds(2000)) return {};
  state_->verdict = {0,
                     cat("rank 0 is lost: its store has not answered for ", seconds(between(state_->last_look, now)))};
  return state_->verdict;
}

Verdict Watchdog::lost(std::string_view what) {
  std::unique_lock lock(state_->mutex);
  state_->lost = std::string(what);
  state_->woken.notify_all();
  const auto patience = state_->times.roll_call + 4 * state_->times.look + milliseconds(2000);
  if (!state_->woken.wait_for(lock, patience, [&] { return state_->verdict.has_value(); }))
    state_->verdict = {0, cat("rank 0 is lost: its store does not answer (", what, ")")};
  return *state_->verdict;
}

void Watchdog::abort(std::string_view reason) noexcept {
  try {
    std::unique_lock lock(state_->mutex);
    state_->ended = std::string(reason);
    state_->woken.notify_all();
    state_->woken.wait_for(lock, 4 * state_->times.look + milliseconds(1000),
                           [&] { return state_->verdict.has_value() || state_->finished; });
  } catch (const std::exception&) {
    // out of memory: the others find out by themselves
  }
}

}  // namespace llava::core
