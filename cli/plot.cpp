#include "plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "failure.hpp"

namespace llava_cli {
namespace {

constexpr double kWidth = 720, kHeight = 420, kLeft = 64, kRight = 16, kTop = 34, kBottom = 46;
constexpr size_t kMostPoints = 2000;  // of a curve; more would not be seen
constexpr double kSmooth = 0.05;      // weight of a step in the running mean

struct Point {
  double step, loss;
};
using Curve = std::vector<Point>;

struct Losses {
  Curve steps, mean, held_out;
};

Losses read_losses(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw FileError(path + ": cannot be read");
  Losses losses;
  double mean = 0;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step")) continue;
    const double step = json["step"];
    if (json.contains("eval_loss")) losses.held_out.push_back({step, json["eval_loss"]});
    if (!json.contains("loss")) continue;
    const double loss = json["loss"];
    mean = losses.steps.empty() ? loss : mean + kSmooth * (loss - mean);
    losses.steps.push_back({step, loss});
    losses.mean.push_back({step, mean});
  }
  if (losses.steps.empty()) throw FileError(path + ": holds no step");
  return losses;
}

// A round number near `wanted`: 1, 2 or 5 times a power of ten.
double round_step(double wanted) {
  const double power = std::pow(10, std::floor(std::log10(wanted)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= wanted) return factor * power;
  return 10 * power;
}

class Plot {
 public:
  Plot(double last_step, double highest) : last_step_(std::max(last_step, 1.0)), highest_(highest * 1.05) {
    out_ << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << kWidth << ' ' << kHeight
         << "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  }

  void axes() {
    for (double value = 0, step = round_step(highest_ / 6); value <= highest_; value += step) {
      line(kLeft, y(value), kWidth - kRight, y(value), "#ddd");
      text(kLeft - 8, y(value) + 4, number(value), "end");
    }
    for (double value = 0, step = round_step(last_step_ / 6); value <= last_step_; value += step) {
      line(x(value), kTop, x(value), kHeight - kBottom, "#eee");
      text(x(value), kHeight - kBottom + 18, number(value), "middle");
    }
    text((kLeft + kWidth - kRight) / 2, kHeight - 8, "step", "middle");
    text(kLeft - 8, kTop - 14, "loss", "end");
  }

  void curve(const Curve& points, const char* colour, double width) {
    const size_t every = std::max<size_t>(1, points.size() / kMostPoints);
    out_ << "<polyline fill=\"none\" stroke=\"" << colour << "\" stroke-width=\"" << width << "\" points=\"";
    for (size_t i = 0; i < points.size(); ++i)
      if (i % every == 0 || i + 1 == points.size()) out_ << x(points[i].step) << ',' << y(points[i].loss) << ' ';
    out_ << "\"/>\n";
  }

  void name(int row, const char* what, const char* colour) {
    const double at = kLeft + 60 + 150 * row;
    line(at, kTop - 18, at + 24, kTop - 18, colour);
    text(at + 30, kTop - 14, what, "start");
  }

  std::string finish() {
    out_ << "</svg>\n";
    return out_.str();
  }

 private:
  double x(double step) const { return kLeft + (kWidth - kLeft - kRight) * step / last_step_; }
  double y(double loss) const {
    return kHeight - kBottom - (kHeight - kTop - kBottom) * std::clamp(loss / highest_, 0.0, 1.0);
  }
  void line(double x1, double y1, double x2, double y2, const char* colour) {
    out_ << "<line x1=\"" << x1 << "\" y1=\"" << y1 << "\" x2=\"" << x2 << "\" y2=\"" << y2 << "\" stroke=\"" << colour
         << "\"/>\n";
  }
  void text(double x, double y, const std::string& what, const char* anchor) {
    out_ << "<text x=\"" << x << "\" y=\"" << y << "\" text-anchor=\"" << anchor << "\">" << what << "</text>\n";
  }
  static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
  }

  double last_step_, highest_;
  std::ostringstream out_;
};

}  // namespace

void plot_losses(const std::string& folder) {
  const auto losses = read_losses(folder + "/metrics.jsonl");
  double highest = 0;
  for (const auto* curve : {&losses.steps, &losses.held_out})
    for (const auto& point : *curve)
      if (std::isfinite(point.loss)) highest = std::max(highest, point.loss);
  Plot plot(losses.steps.back().step, highest > 0 ? highest : 1);
  plot.axes();
  plot.curve(losses.steps, "#b8cbe8", 1);
  plot.curve(losses.mean, "#1f5fbf", 2);
  plot.name(0, "each step", "#b8cbe8");
  plot.name(1, "running mean", "#1f5fbf");
  if (!losses.held_out.empty()) {
    plot.curve(losses.held_out, "#c0392b", 2);
    plot.name(2, "held-out records", "#c0392b");
  }
  const auto path = folder + "/loss.svg";
  std::ofstream file(path);
  file << plot.finish();
  if (!file.flush()) throw FileError(path + ": cannot be written");
}

}  // namespace llava_cli
