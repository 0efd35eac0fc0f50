#include "train_progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <iostream>

namespace llava_cli {
namespace {

constexpr auto kTerminalTime = std::chrono::milliseconds(200);
constexpr auto kLogTime = std::chrono::seconds(10);
constexpr int kBarWidth = 20;

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

// JSON has no word for a number that is none.
double number_of(const nlohmann::json& value) { return value.is_number() ? value.get<double>() : std::nan(""); }

// Of a card whose peak is known.
std::string use_of_peak(const nlohmann::json& event) {
  return event.contains("mfu") ? format(" (MFU %.1f %%)", 100 * event["mfu"].get<double>()) : "";
}

std::string bar(double part) {
  const int full = static_cast<int>(part * kBarWidth);
  std::string text(static_cast<size_t>(kBarWidth), '.');
  text.replace(0, static_cast<size_t>(full), static_cast<size_t>(full), '#');
  return text + ' ';
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 60) return format("%lld s", whole);
  if (whole < 3600) return format("%lld min %02lld s", whole / 60, whole % 60);
  return format("%lld h %02lld min", whole / 3600, whole % 3600 / 60);
}

std::string cut_names(const nlohmann::ordered_json& report) {
  std::string names;
  for (const auto& cut : report["cut_first"]) {
    const auto id = cut["id"].dump(-1, ' ', true);  // a file's words: nothing of them is for the terminal
    names += (names.empty() ? ": record " : ", record ") + cut["record"].dump() + " (" + id.substr(1, id.size() - 2) +
             ") of " + cut["length"].dump();
  }
  return report["cut"] > report["cut_first"].size() ? names + ", …" : names;
}

TrainProgress::TrainProgress() : terminal_(isatty(STDERR_FILENO) != 0) {}

TrainProgress::~TrainProgress() {
  if (open_) std::cerr << std::endl;
}

void TrainProgress::write(const std::string& line, bool stays) {
  const bool over = terminal_ && open_;
  std::cerr << (over ? "\r\033[K" : "") << line;
  open_ = terminal_ && !stays;
  if (!open_) std::cerr << '\n';
  std::cerr << std::flush;
}

void TrainProgress::say(const std::string& line) {
  if (!terminal_ || !open_) return write(line, true);
  write(line, true);
}

void TrainProgress::show_step(const nlohmann::json& event) {
  const auto now = std::chrono::steady_clock::now();
  const int64_t step = event["step"], steps = event["steps"];
  if (step != steps && step != 1 && now - shown_ < (terminal_ ? kTerminalTime : kLogTime)) return;
  shown_ = now;
  write((terminal_ ? bar(static_cast<double>(step) / static_cast<double>(steps)) : "") +
            format(
                "step %lld/%lld  loss %.4f  lr %.2e  %.1f samples/s  %.0f tokens/s  %.3g TFLOP/s%s  %.0f MB  %s left",
                static_cast<long long>(step), static_cast<long long>(steps), number_of(event["loss"]),
                event["lr"].get<double>(), event["samples_per_second"].get<double>(),
                event["tokens_per_second"].get<double>(), event["tflops"].get<double>(), use_of_peak(event).c_str(),
                event["resident_bytes"].get<double>() / 1e6, duration_text(event["eta_seconds"].get<double>()).c_str()),
        false);
}

void TrainProgress::show(const nlohmann::json& event) {
  const std::string kind = event["event"];
  if (kind == "step") return show_step(event);
  if (kind == "start") {
    const auto millions = [&](const char* key) { return event[key].get<double>() / 1e6; };
    const double added = millions("added"), own = millions("learning") - added;
    std::string line =
        format("stage %d, %lld records, %lld steps, %.4g of %.4g million parameters learn", event["stage"].get<int>(),
               event["records"].get<long long>(), event["steps"].get<long long>(), own, millions("parameters"));
    if (added > 0) line += format(", and %.4g million beside them", added);
    const std::string from = event["resumed_from"], interrupted = event["interrupted"];
    if (!interrupted.empty()) line += "; was interrupted (" + interrupted + ")";
    return say(from.empty() ? line : line + "; goes on from " + from);
  }
  if (kind == "evaluation")
    return say(format("step %lld  held-out loss %.4f (%lld samples, %s)", event["step"].get<long long>(),
                      number_of(event["eval_loss"]), event["samples"].get<long long>(),
                      duration_text(event["seconds"].get<double>()).c_str()));
  if (kind == "skipped") return say("left out: " + event["message"].get<std::string>());
  if (kind == "answer")
    return say(format("step %lld  ", event["step"].get<long long>()) + event["question"].get<std::string>() + "  ->  " +
               event["answer"].get<std::string>());
  if (kind == "warning")
    return say("warning: " + (event.contains("rank") ? "rank " + event["rank"].dump() + ": " : "") +
               event["message"].get<std::string>());
  if (kind == "estimate")
    return say(format("step %lld  %.3g s a step: about ", event["step"].get<long long>(),
                      event["seconds_per_step"].get<double>()) +
               duration_text(event["seconds_left"].get<double>()) + " left");
  if (kind == "save_failed") return say("not saved: " + event["message"].get<std::string>());
}

}  // namespace llava_cli
