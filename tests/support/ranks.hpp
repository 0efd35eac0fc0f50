// Test cases that are the ranks of a run: marked with doctest::skip(), they run only when this program starts itself to
// run them. They read what they are to do from environment variables and leave their results in files.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "comm/launcher.hpp"
#include "comm/rendezvous.hpp"

namespace llava::core::testing {

using Variables = std::vector<std::pair<std::string, std::string>>;

/// As `ranks` processes of one thread each that run the test case named so.
inline LaunchOptions rank_options(const std::string& test_case, int64_t ranks, const Variables& environment = {}) {
  LaunchOptions options;
  options.executable = std::filesystem::read_symlink("/proc/self/exe").string();
  options.arguments = {"--no-skip=true", "--minimal=true", "--test-case=" + test_case};
  options.ranks = ranks;
  options.threads = 1;
  options.environment = environment;
  options.environment.emplace_back("LLAVA_TEST_RANK", "1");
  options.patience = options.grace = std::chrono::seconds(5);
  return options;
}

inline LaunchResult run_ranks(const std::string& test_case, int64_t ranks, const Variables& environment = {}) {
  return launch(rank_options(test_case, ranks, environment), {});
}

/// Somebody ran this program with --no-skip: rank programs need their variables.
inline bool is_rank() { return process_environment("LLAVA_TEST_RANK").has_value(); }

inline std::string variable(const std::string& name) { return process_environment(name).value_or(""); }
inline int64_t number(const std::string& name) { return variable(name).empty() ? 0 : std::stoll(variable(name)); }

inline std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path + ".part", std::ios::binary) << text;
  std::filesystem::rename(path + ".part", path);
}

}  // namespace llava::core::testing
