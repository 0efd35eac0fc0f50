// The main of a fuzz target without libFuzzer: gives it every file of the folders named on the command line.
//
// A target that is not content ends the process; the file at work is printed before that.
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz.hpp"

namespace {

std::string at_work;

extern "C" void tell_file(int) {
  std::fprintf(stderr, "while reading %s\n", at_work.c_str());
  std::_Exit(1);
}

std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, tell_file);
  size_t count = 0;
  for (int i = 1; i < argc; ++i)
    for (const auto& file : files_below(argv[i])) {
      at_work = file;
      std::ifstream stream(file, std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
      // a buffer of exactly this size, so that a sanitizer sees the first byte past it
      const std::vector<uint8_t> exact(bytes.begin(), bytes.end());
      LLVMFuzzerTestOneInput(exact.data(), exact.size());
      ++count;
    }
  std::printf("%zu files\n", count);
  return count > 0 ? 0 : 1;
}
