#include "train/metrics.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"

namespace llava::core {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 32;

std::string reason(int error) {
  const char* text = strerrordesc_np(error);
  return text ? text : cat("error ", error);
}

bool stays(const std::string& line, int64_t last_step) {
  try {
    const auto json = parse_json(line, "metrics");
    const auto* step = json.find("step");
    return !step || !step->is_number_integer() || step->integer() <= last_step;
  } catch (const Error&) {
    return false;  // cut in the middle when the process ended
  }
}

std::string kept_lines(const std::string& text, int64_t last_step) {
  std::string kept;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const auto line = text.substr(begin, end - begin);
    if (stays(line, last_step)) kept.append(line).append("\n");
    begin = end + 1;
  }
  return kept;
}

}  // namespace

MetricsFile::MetricsFile(std::string path, int64_t last_step) : path_(std::move(path)) {
  if (file_exists(path_)) {
    const auto text = read_file(path_, kMostBytes);
    const auto kept = kept_lines(text, last_step);
    if (kept != text) write_file_atomically(path_, kept);
  }
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw Error(Status::io, cat(path_, ": cannot be opened: ", reason(errno)));
}

MetricsFile::~MetricsFile() { ::close(descriptor_); }

void MetricsFile::append(const Json& line) {
  const auto text = line.dump() + "\n";
  const auto before = ::lseek(descriptor_, 0, SEEK_END);
  const auto written = ::write(descriptor_, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return;
  const int error = written < 0 ? errno : ENOSPC;
  if (before >= 0 && ::ftruncate(descriptor_, before) != 0)
    throw Error(Status::io, cat(path_, ": a line was cut: ", reason(errno)));
  throw Error(Status::io, cat(path_, ": cannot be written: ", reason(error)));
}

int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

int64_t peak_resident_bytes() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? int64_t{usage.ru_maxrss} * 1024 : 0;
}

}  // namespace llava::core
