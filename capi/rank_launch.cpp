// Ranks write lines of JSON into one named pipe: the first its events, each its own failure.
#include "rank_launch.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "comm/launcher.hpp"
#include "comm/rendezvous.hpp"
#include "guard.hpp"
#include "options.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Json;
using core::Status;

namespace {

constexpr int kPollMs = 50;
constexpr int64_t kReportBytes = 1 << 20;
constexpr int64_t kMostNs = 60'000'000'000;        // that a rank may take for the rest of its step and a snapshot
constexpr std::chrono::milliseconds kGrace{2500};  // a stopped rank hears no SIGTERM: all is over within 30 s
constexpr int kStopped = 5;                        // the exit code of a rank that was asked to stop, and saved

/// The folder of the library that holds an address of this process; empty where that is not known.
std::filesystem::path folder_of(const void* address) {
  Dl_info info = {};
  if (!dladdr(address, &info) || !info.dli_fname) return {};
  std::error_code failure;
  return std::filesystem::weakly_canonical(info.dli_fname, failure).parent_path();
}

std::filesystem::path own_folder() { return folder_of(reinterpret_cast<void*>(&llava_train_launch)); }

std::string program_of(const llava_train_options& options) {
  if (options.rank_program) return options.rank_program;
  auto folder = own_folder();
  if (folder.empty()) throw Error(Status::not_found, "the library's own path is not known; name rank_program");
  std::string looked;
  for (int up = 0; up < 3; ++up) {  // beside the library, as in a wheel; beside lib, or lib/x86_64-linux-gnu
    const auto program = (folder / "libexec" / "llava" / "llava-rank").string();
    if (core::file_exists(program)) return program;
    looked += (up ? " and " : "") + program;
    folder = folder.parent_path();
  }
  throw Error(Status::not_found, cat("what ranks run is not there (options.rank_program): looked for ", looked));
}

/// The libraries of this process, for ranks that could not find them by themselves: torch may lie anywhere on Python's path.
std::string library_path() {
  std::string path;
  const auto add = [&](const std::string& folder) {  // an empty entry would be the working directory
    if (!folder.empty()) path += (path.empty() ? "" : ":") + folder;
  };
  add(own_folder().string());
  add(folder_of(reinterpret_cast<void*>(&at::get_num_threads)).string());
  add(core::process_environment("LD_LIBRARY_PATH").value_or(""));
  return path;
}

/// A named pipe in a folder of its own, open for reading; gone at the end.
class Pipe {
 public:
  Pipe() {
    folder_ = (std::filesystem::temp_directory_path() / "llava-ranks-XXXXXX").string();
    if (!::mkdtemp(folder_.data())) throw Error(Status::io, cat(folder_, ": cannot be made"));
    path_ = folder_ + "/events";
    if (::mkfifo(path_.c_str(), 0600) == 0) descriptor_ = ::open(path_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor_ < 0) {
      remove();
      throw Error(Status::io, cat(path_, ": cannot be made"));
    }
  }
  ~Pipe() {
    ::close(descriptor_);
    remove();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  const std::string& path() const { return path_; }

  /// The next whole line that comes within a moment; false when none does.
  bool next(std::string& line) {
    for (;;) {
      if (const auto end = pending_.find('\n'); end != std::string::npos) {
        line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return true;
      }
      pollfd wait = {descriptor_, POLLIN, 0};
      if (::poll(&wait, 1, kPollMs) <= 0) return false;
      char bytes[4096];
      const auto size = ::read(descriptor_, bytes, sizeof bytes);
      if (size <= 0) return false;
      pending_.append(bytes, static_cast<size_t>(size));
    }
  }

 private:
  void remove() const {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string folder_, path_, pending_;
  int descriptor_ = -1;
};

class Ranks {
 public:
  Ranks(const llava_train_options& options, const std::string& model)
      : options_(options), use_(options.cancel), abandon_(options.abandon) {
    auto own = options;
    own.nproc = 0;
    launch_.executable = program_of(options);
    launch_.arguments = {model, pipe_.path(), options_to_json(option_struct<llava_train_options>(), &own)};
    launch_.ranks = options.nproc;
    launch_.grace = kGrace;
    launch_.environment = {{"LD_LIBRARY_PATH", library_path()}};
    launch_.started = [this](int64_t, pid_t process) {
      const std::lock_guard lock(mutex_);
      processes_.push_back(process);
      if (abandoned_ || asked_) ::kill(process, abandoned_ ? SIGKILL : SIGTERM);
    };
  }

  Json train() {
    std::thread launcher([this] { work(); });
    try {
      listen();
    } catch (...) {
      force_.cancel();
      launcher.join();
      throw;
    }
    launcher.join();
    return outcome();
  }

 private:
  void work() {
    try {
      result_ = core::launch(launch_, core::Cancel(&force_));
    } catch (...) {
      failure_ = std::current_exception();
    }
    over_.store(true);
  }

  // Until all ranks have ended and the pipe is empty.
  void listen() {
    std::string line;
    for (bool more = true; more || !over_.load();) {
      more = pipe_.next(line);
      if (more) hear(line);
      if (!asked_ && use_.cancel().stopped()) ask_to_stop();
      if (!abandoned_ && abandon_.cancel().stopped()) end_at_once();
      if (asked_ && core::now_ns() - asked_ns_ > kMostNs) force_.cancel();
    }
  }

  // That another rank was lost, where that one may tell itself what it ran into.
  static bool is_consequence(const Json& failure) {
    return failure.at("status").integer() == static_cast<int64_t>(Status::distributed);
  }

  void hear(const std::string& line) {
    const auto event = core::parse_json(line, "an event of a rank");
    if (event.at("event").string() == "failure") {
      if (!told_ || (is_consequence(*told_) && !is_consequence(event))) told_ = event;
      return;
    }
    if (!options_.event) return;
    const auto answer =
        ask_callback("event", LLAVA_TRAIN_STOP, [&] { return options_.event(line.c_str(), options_.event_user_data); });
    if (answer == LLAVA_TRAIN_STOP && !asked_) ask_to_stop();
  }

  void ask_to_stop() {
    const std::lock_guard lock(mutex_);
    asked_ = true;
    asked_ns_ = core::now_ns();
    for (const auto process : processes_) ::kill(process, SIGTERM);
  }

  void end_at_once() {
    {
      const std::lock_guard lock(mutex_);
      abandoned_ = true;
      for (const auto process : processes_) ::kill(process, SIGKILL);
    }
    force_.cancel();  // and no other is started
  }

  // By what asks ranks to stop, or a terminal's Ctrl-C: once they work, they hear the one and ignore the other.
  static bool ended_before_it_began(const core::RankEnd& end) { return end.signal == SIGTERM || end.signal == SIGINT; }

  Json outcome() {
    if (abandoned_) throw Error(Status::cancelled, "the ranks were ended at once; the last snapshot is still there");
    if (failure_) std::rethrow_exception(failure_);
    bool stopped = false;
    for (const auto& end : result_.ends) stopped = stopped || end.code == kStopped;
    if (asked_ && stopped) {
      use_.cancel().poll("training");
      throw Error(Status::cancelled, "the callback event stopped the run; it was saved");
    }
    if (asked_ && std::any_of(result_.ends.begin(), result_.ends.end(), ended_before_it_began)) {
      use_.cancel().poll("the start of the ranks");
      throw Error(Status::cancelled, "the callback event stopped the run before it began");
    }
    if (result_.first_failure) fail(*result_.first_failure);
    const auto path = std::string(options_.out_dir) + "/run.json";
    return core::parse_json(core::read_file(path, kReportBytes), path);
  }

  [[noreturn]] void fail(const core::RankEnd& end) const {
    if (!told_) throw Error(Status::distributed, core::text_of(end));
    const auto status = static_cast<Status>(told_->at("status").integer());
    const auto& message = told_->at("message").string();
    const bool of_one = status == Status::out_of_memory || status == Status::device_memory;
    const auto* rank = told_->find("rank");  // llava-rank's; another rank_program may not say it
    if (!of_one || !rank || message.starts_with("rank ")) throw Error(status, message);
    throw Error(status, cat("rank ", rank->integer(), ": ", message)).with("rank", rank->integer());
  }

  const llava_train_options& options_;
  const CancelUse use_, abandon_;
  Pipe pipe_;
  core::LaunchOptions launch_;
  core::CancelToken force_;
  core::LaunchResult result_;
  std::exception_ptr failure_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::vector<pid_t> processes_;
  bool asked_ = false, abandoned_ = false;
  int64_t asked_ns_ = 0;      // written by the listening thread under mutex_
  std::optional<Json> told_;  // what the first rank that failed of itself said, or the first that failed
};

}  // namespace

Json launch_ranks(const llava_train_options& options, const std::string& model) {
  return Ranks(options, model).train();
}

}  // namespace llava::capi
