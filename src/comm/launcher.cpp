// Fork, exec, poll. Between fork and exec only what a signal handler may do.
#include "comm/launcher.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/error.hpp"
#include "base/system_reason.hpp"
#include "comm/rendezvous.hpp"
#include "comm/sockets.hpp"

extern char** environ;

namespace llava::core {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Variables = std::vector<std::pair<std::string, std::string>>;

// This process's variables, then ours in their place. Those of a torchrun around us would mislead the ranks.
std::vector<std::string> environment_with(const Variables& ours) {
  std::vector<std::string> lines;
  for (char** line = environ; line && *line; ++line) {
    const std::string text = *line;
    const auto name = text.substr(0, text.find('='));
    const bool replaced =
        std::any_of(ours.begin(), ours.end(), [&](const auto& variable) { return variable.first == name; });
    if (!replaced && !name.starts_with("TORCHELASTIC_")) lines.push_back(text);
  }
  for (const auto& [name, value] : ours) lines.push_back(name + "=" + value);
  return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Variables place_of(const LaunchOptions& options, int64_t rank, int64_t port) {
  const auto set = [](const char* name) { return process_environment(name).has_value(); };
  const auto processors = static_cast<int64_t>(std::thread::hardware_concurrency());
  Variables variables = {{"RANK", std::to_string(rank)},
                         {"LOCAL_RANK", std::to_string(rank)},
                         {"WORLD_SIZE", std::to_string(options.ranks)},
                         {"LOCAL_WORLD_SIZE", std::to_string(options.ranks)},
                         {"MASTER_ADDR", "127.0.0.1"},
                         {"MASTER_PORT", std::to_string(port)}};
  if (options.threads > 0 || !set("OMP_NUM_THREADS"))
    variables.emplace_back(
        "OMP_NUM_THREADS",
        std::to_string(options.threads > 0 ? options.threads : std::max<int64_t>(1, processors / options.ranks)));
  if (!set("OMP_WAIT_POLICY")) variables.emplace_back("OMP_WAIT_POLICY", "passive");  // ranks share the processors
  if (!set("TORCH_CPP_LOG_LEVEL")) variables.emplace_back("TORCH_CPP_LOG_LEVEL", "FATAL");  // we say it
  for (const auto& variable : options.environment) {
    std::erase_if(variables, [&](const auto& ours) { return ours.first == variable.first; });
    variables.push_back(variable);
  }
  return variables;
}

// In the child.
[[noreturn]] void become(const char* executable, char* const* arguments, char* const* variables, pid_t parent,
                         int report) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it has died before that
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::syscall(SYS_close_range, 3, ~0U, 1U << 2);  // CLOSE_RANGE_CLOEXEC: what the host has open is not the ranks'
  ::execve(executable, arguments, variables);
  const int failed = errno;
  [[maybe_unused]] const auto told = ::write(report, &failed, sizeof failed);
  ::_exit(127);
}

struct Child {
  pid_t process = -1;
  Descriptor handle;  // readable once it has ended
  bool ended = false;
};

Child start(const LaunchOptions& options, int64_t rank, int64_t port) {
  auto lines = environment_with(place_of(options, rank, port));
  std::vector<std::string> words = {options.executable};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  const auto variables = pointers_to(lines), arguments = pointers_to(words);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(Status::io, cat("a pipe cannot be made: ", system_reason(errno)));
  const Descriptor report(ends[0]);
  Descriptor told(ends[1]);
  const pid_t parent = ::getpid();
  Child child;
  child.process = ::fork();
  if (child.process < 0) throw Error(Status::io, cat("rank ", rank, " cannot be started: ", system_reason(errno)));
  if (child.process == 0) become(options.executable.c_str(), arguments.data(), variables.data(), parent, told.get());
  told = Descriptor();
  int failed = 0;
  ssize_t got = 0;
  while ((got = ::read(report.get(), &failed, sizeof failed)) < 0 && errno == EINTR) {
  }
  if (got == sizeof failed) {
    ::waitpid(child.process, nullptr, 0);
    throw Error(failed == ENOENT ? Status::not_found : Status::io,
                cat(options.executable, ": cannot be started: ", system_reason(failed)));
  }
  child.handle = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child.process, 0)));
  return child;
}

class Ranks {
 public:
  explicit Ranks(const LaunchOptions& options) : options_(options) {}
  ~Ranks() {  // an exception on the way: nobody is left behind
    signal_all(SIGKILL);
    for (auto& child : children_)
      if (!child.ended) ::waitpid(child.process, nullptr, 0);
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  void start_all() {
    int64_t port = 0;
    {
      const auto free = bound_socket("127.0.0.1", 0);
      port = port_of(free);
    }
    for (int64_t rank = 0; rank < options_.ranks; ++rank) {
      children_.push_back(start(options_, rank, port));
      if (options_.started) options_.started(rank, children_.back().process);
    }
    result_.ends.resize(children_.size());
  }

  LaunchResult wait(const Cancel& cancel);

 private:
  bool running() const {
    return std::any_of(children_.begin(), children_.end(), [](const auto& child) { return !child.ended; });
  }
  void signal_all(int signal) {
    for (const auto& child : children_)
      if (!child.ended) ::kill(child.process, signal);
  }
  void wait_a_little();
  void collect();

  const LaunchOptions& options_;
  std::vector<Child> children_;
  LaunchResult result_;
};

void Ranks::wait_a_little() {
  std::vector<pollfd> handles;
  for (const auto& child : children_)
    if (!child.ended && child.handle.get() >= 0) handles.push_back({child.handle.get(), POLLIN, 0});
  ::poll(handles.data(), handles.size(), handles.empty() ? 10 : 50);
}

// Who has ended since the last time. Of several, one that a signal ended came first: the others had to notice.
void Ranks::collect() {
  for (size_t i = 0; i < children_.size(); ++i) {
    auto& child = children_[i];
    if (child.ended) continue;
    int status = 0;
    const auto found = ::waitpid(child.process, &status, WNOHANG);
    if (found == 0 || (found < 0 && errno == EINTR)) continue;
    child.ended = true;
    auto& end = result_.ends[i];
    end.rank = static_cast<int64_t>(i);
    if (found < 0)
      end.code = 127;  // the host has its children reaped elsewhere: how it ended is not known
    else if (WIFSIGNALED(status))
      end.code = -1, end.signal = WTERMSIG(status);
    else
      end.code = WEXITSTATUS(status);
  }
}

LaunchResult Ranks::wait(const Cancel& cancel) {
  enum class Stage { all_well, patient, asked, killed } stage = Stage::all_well;
  Clock::time_point until{};
  bool cancelled = false;
  while (running()) {
    wait_a_little();
    collect();
    const auto now = Clock::now();
    if (!result_.first_failure) {
      for (size_t i = 0; i < children_.size(); ++i) {
        const auto& end = result_.ends[i];
        if (children_[i].ended && end.failed() &&
            (!result_.first_failure || (end.signal && !result_.first_failure->signal)))
          result_.first_failure = end;
      }
      if (result_.first_failure && stage == Stage::all_well) stage = Stage::patient, until = now + options_.patience;
    }
    if (!cancelled && cancel.stopped()) {
      cancelled = true;
      if (stage < Stage::asked) stage = Stage::patient, until = now;
    }
    if (stage == Stage::patient && now >= until)
      signal_all(SIGTERM), stage = Stage::asked, until = now + options_.grace;
    else if (stage == Stage::asked && now >= until)
      signal_all(SIGKILL), stage = Stage::killed;
  }
  if (cancelled) cancel.poll("the ranks' work");
  return result_;
}

}  // namespace

std::string text_of(const RankEnd& end) {
  if (end.signal == 0) return cat("rank ", end.rank, " exited with code ", end.code);
  const char* name = sigdescr_np(end.signal);
  return cat("rank ", end.rank, " was ended by signal ", end.signal, " (", name ? name : "unknown", ")");
}

LaunchResult launch(const LaunchOptions& options, const Cancel& cancel) {
  if (options.ranks < 1 || options.ranks > kMostRanks)
    throw Error(Status::argument, cat("the number of ranks is ", options.ranks, ", expected 1 to ", kMostRanks));
  Ranks ranks(options);
  ranks.start_all();
  return ranks.wait(cancel);
}

}  // namespace llava::core
