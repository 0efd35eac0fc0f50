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
#include "base/log.hpp"
#include "base/system_reason.hpp"

namespace llava::core {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 32;

double number_in(const Json& json, const char* key) {
  const auto* value = json.find(key);
  return value && value->is_number() ? value->number() : 0;
}

void count(const Json& line, MetricsTotals& totals) {
  if (line.contains("eval_loss")) {
    totals.eval_loss = number_in(line, "eval_loss");
    totals.eval_step = static_cast<int64_t>(number_in(line, "step"));
  }
  if (!line.contains("loss")) return;
  totals.samples += static_cast<int64_t>(number_in(line, "samples"));
  totals.tokens += static_cast<int64_t>(number_in(line, "tokens"));
  totals.cut += static_cast<int64_t>(number_in(line, "cut"));
  totals.seconds += number_in(line, "seconds");
  totals.last_loss = number_in(line, "loss");
  if (!totals.first_loss) totals.first_loss = totals.last_loss;
}

bool stays(const std::string& line, int64_t last_step, MetricsTotals& totals) {
  try {
    const auto json = parse_json(line, "metrics");
    const auto* step = json.find("step");
    if (step && step->is_number_integer() && step->integer() > last_step) return false;
    count(json, totals);
    return true;
  } catch (const Error&) {
    return false;  // cut in the middle when the process ended
  }
}

std::string kept_lines(const std::string& text, int64_t last_step, MetricsTotals& totals) {
  std::string kept;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const auto line = text.substr(begin, end - begin);
    if (stays(line, last_step, totals)) kept.append(line).append("\n");
    begin = end + 1;
  }
  return kept;
}

}  // namespace

MetricsFile::MetricsFile(std::string path, int64_t last_step) : path_(std::move(path)) {
  if (file_exists(path_)) {
    const auto text = read_file(path_, kMostBytes);
    const auto kept = kept_lines(text, last_step, before_);
    if (kept != text) write_file_atomically(path_, kept);
  }
  open();
}

MetricsFile::~MetricsFile() {
  try {
    close();
  } catch (const std::exception& error) {
    log_warning(error.what());
  }
}

void MetricsFile::open() {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw Error(Status::io, cat(path_, ": cannot be opened: ", system_reason(errno)));
}

void MetricsFile::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (descriptor < 0 || ::close(descriptor) == 0) return;
  throw Error(Status::io, cat(path_, ": cannot be closed, its last lines may be lost: ", system_reason(errno)));
}

void MetricsFile::append(const Json& line) {
  if (descriptor_ < 0) open();
  const auto text = line.dump() + "\n";
  const auto before = ::lseek(descriptor_, 0, SEEK_END);
  const auto written = ::write(descriptor_, text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return;
  const int error = written < 0 ? errno : ENOSPC;
  if (before >= 0 && ::ftruncate(descriptor_, before) != 0)
    throw Error(Status::io, cat(path_, ": a line was cut: ", system_reason(errno)));
  throw Error(Status::io, cat(path_, ": cannot be written: ", system_reason(error)));
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
