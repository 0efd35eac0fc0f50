// Failures as the command's user sees them: one line, in the words of the command line, and an exit code.
#pragma once

#include <llava/llava.hpp>

#include <stdexcept>
#include <string>

namespace llava_cli {

/// Exit codes, as --help and README.md list them.
enum ExitCode : int {
  kDone = 0,
  kFailed = 1,
  kUsage = 2,
  kInput = 3,
  kResources = 4,
  kStopped = 5,
  kBusy = 6,
  kLost = 7
};
inline constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 failed inside; 2 wrong usage or argument; 3 a model, picture or file cannot be used, or the "
    "output cannot be written; 4 a limit, the context or memory is exceeded; 5 stopped by Ctrl-C or a deadline; 6 "
    "another process "
    "works there; 7 a process of a training run was lost.";
int exit_code(const llava::Error& error);

/// Wrong usage that CLI11 cannot see.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A file or stream that the command itself cannot read or write.
struct FileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the library said without the name of its function, fields of option structs as the options that set them
/// ("options.top_p" is --top-p), and which option helps, where one does.
std::string explain(const llava::Error& error);

/// The same where a training run failed: other options help.
std::string explain_training(const llava::Error& error);

/// {"error": {"code", "name", "message", "function", "details"}}: what the library recorded, for programs.
std::string failure_json(const llava::Error& error);

/// The same of what the command itself found.
std::string failure_json(llava_status code, const std::string& message);

/// Writes "llava: …" to standard error.
void complain(const std::string& what);

/// From now on warnings of the library are lines "llava: warning: …" on standard error.
void show_warnings();

}  // namespace llava_cli
