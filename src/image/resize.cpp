// Two passes over bytes with fixed-point weights. What makes it ours: only the rows and columns asked for are computed,
// and the ground around a padded picture enters as (sum of its weights) x (its colour), which is exact in integers.
#include "image/resize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

namespace llava::core {
namespace {

constexpr int kWeightBits = 22;  // 8 bits of result and two of headroom in 32

double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

double box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double hamming(double x) {
  x = std::abs(x);
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // float constants: Pillow's
}

double bicubic(double x) {  // Keys, a = -0.5
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double lanczos(double x) { return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0; }

struct Kernel {
  double (*weight)(double);
  double support;
};

Kernel kernel_of(Resample filter) {
  switch (filter) {
    case Resample::lanczos:
      return {lanczos, 3.0};
    case Resample::bilinear:
      return {bilinear, 1.0};
    case Resample::box:
      return {box, 0.5};
    case Resample::hamming:
      return {hamming, 1.0};
    default:
      return {bicubic, 2.0};
  }
}

/// One direction: a picture of `size` at `offset` on a ground of `ground`, resized to `target`, of which `count` places
/// from `first` on are wanted.
struct Axis {
  int64_t size, offset, ground, target, first, count;
  bool changes() const { return ground != target; }
};

/// The weights of one target place: `weights[i]` for picture place `begin + i`, and what falls on the ground around it.
struct Taps {
  int64_t begin = 0;
  std::vector<int32_t> weights;
  int32_t outside = 0;
};

int32_t to_fixed(double weight) {
  return static_cast<int32_t>(weight * (1 << kWeightBits) + (weight < 0 ? -0.5 : 0.5));
}

Taps taps_at(const Axis& axis, const Kernel& kernel, int64_t place, std::vector<double>& scratch) {
  const double scale = static_cast<double>(axis.ground) / static_cast<double>(axis.target);
  const double stretch = std::max(scale, 1.0);
  const double support = kernel.support * stretch, inverse = 1.0 / stretch;
  const double centre = (static_cast<double>(place) + 0.5) * scale;
  const auto begin = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
  const auto end = std::min(axis.ground, static_cast<int64_t>(centre + support + 0.5));
  scratch.clear();
  double total = 0.0;
  for (auto i = begin; i < end; ++i) {
    scratch.push_back(kernel.weight((static_cast<double>(i) - centre + 0.5) * inverse));
    total += scratch.back();
  }
  Taps taps;
  taps.begin = std::max(begin - axis.offset, int64_t{0});
  for (auto i = begin; i < end; ++i) {
    auto weight = scratch[static_cast<size_t>(i - begin)];
    if (total != 0.0) weight /= total;
    const bool inside = i >= axis.offset && i < axis.offset + axis.size;
    inside ? taps.weights.push_back(to_fixed(weight)) : void(taps.outside += to_fixed(weight));
  }
  if (taps.weights.empty()) taps.begin = 0;
  return taps;
}

/// Weight one on the same place: for a direction that keeps its size.
Taps same_place(const Axis& axis, int64_t place) {
  Taps taps;
  const auto at = place - axis.offset;
  if (at < 0 || at >= axis.size) {
    taps.outside = 1 << kWeightBits;
  } else {
    taps.begin = at;
    taps.weights = {1 << kWeightBits};
  }
  return taps;
}

std::vector<Taps> all_taps(const Axis& axis, Resample filter) {
  std::vector<Taps> all;
  all.reserve(static_cast<size_t>(axis.count));
  std::vector<double> scratch;
  const auto kernel = kernel_of(filter);
  for (int64_t i = 0; i < axis.count; ++i) {
    all.push_back(axis.changes() ? taps_at(axis, kernel, axis.first + i, scratch) : same_place(axis, axis.first + i));
  }
  return all;
}

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

/// The sum a place starts from: half of the last bit, and the ground.
int32_t start_sum(const Taps& taps, uint8_t ground) { return (1 << (kWeightBits - 1)) + taps.outside * ground; }

void resample_row(const uint8_t* row, const std::vector<Taps>& taps, const std::array<uint8_t, 3>& ground,
                  uint8_t* target) {
  for (const auto& place : taps) {
    int32_t red = start_sum(place, ground[0]), green = start_sum(place, ground[1]), blue = start_sum(place, ground[2]);
    const auto* pixel = row + place.begin * 3;
    for (const auto weight : place.weights) {
      red += pixel[0] * weight;
      green += pixel[1] * weight;
      blue += pixel[2] * weight;
      pixel += 3;
    }
    *target++ = to_byte(red);
    *target++ = to_byte(green);
    *target++ = to_byte(blue);
  }
}

/// Places of the picture that any target place draws from: [begin, end), empty where all is ground.
struct Extent {
  int64_t begin = 0, end = 0;
};

Extent extent_of(const std::vector<Taps>& all) {
  Extent extent{std::numeric_limits<int64_t>::max(), 0};
  for (const auto& taps : all) {
    if (taps.weights.empty()) continue;
    extent.begin = std::min(extent.begin, taps.begin);
    extent.end = std::max(extent.end, taps.begin + static_cast<int64_t>(taps.weights.size()));
  }
  return extent.end == 0 ? Extent{} : extent;
}

/// What the taps make of a stretch that is all ground.
uint8_t ground_byte(const Taps& taps, uint8_t ground) {
  const auto weights = std::accumulate(taps.weights.begin(), taps.weights.end(), taps.outside);
  return to_byte((1 << (kWeightBits - 1)) + weights * ground);
}

/// Adds the rows that a target row draws from to `sums`, weighted. `row` is the first of them.
void add_rows(const Taps& line, const uint8_t* row, size_t row_bytes, std::vector<int32_t>& sums) {
  for (const auto weight : line.weights) {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += row[i] * weight;
    row += row_bytes;
  }
}

std::vector<uint8_t> horizontal_first(const Canvas& canvas, const std::vector<Taps>& columns,
                                      const std::vector<Taps>& lines, const Cancel& cancel) {
  const auto used = extent_of(lines);
  const auto bytes = columns.size() * 3;
  std::vector<uint8_t> between(bytes * static_cast<size_t>(used.end - used.begin)), ground(bytes);
  for (auto y = used.begin; y < used.end; ++y) {
    cancel.poll("preprocessing");
    resample_row(canvas.rgb.data() + y * canvas.width * 3, columns, canvas.ground,
                 between.data() + bytes * static_cast<size_t>(y - used.begin));
  }
  for (size_t i = 0; i < bytes; ++i) ground[i] = ground_byte(columns[i / 3], canvas.ground[i % 3]);

  std::vector<uint8_t> target(bytes * lines.size());
  std::vector<int32_t> sums(bytes);
  auto* out = target.data();
  for (const auto& line : lines) {
    cancel.poll("preprocessing");
    for (size_t i = 0; i < bytes; ++i) sums[i] = start_sum(line, ground[i]);
    if (!line.weights.empty())
      add_rows(line, between.data() + bytes * static_cast<size_t>(line.begin - used.begin), bytes, sums);
    for (const auto sum : sums) *out++ = to_byte(sum);
  }
  return target;
}

std::vector<uint8_t> vertical_first(const Canvas& canvas, const std::vector<Taps>& columns,
                                    const std::vector<Taps>& lines, const Cancel& cancel) {
  std::vector<uint8_t> target(columns.size() * 3 * lines.size());
  std::vector<int32_t> sums(static_cast<size_t>(canvas.width) * 3);
  std::vector<uint8_t> row(sums.size());
  auto* out = target.data();
  for (const auto& line : lines) {
    cancel.poll("preprocessing");
    for (size_t i = 0; i < sums.size(); ++i) sums[i] = start_sum(line, canvas.ground[i % 3]);
    add_rows(line, canvas.rgb.data() + line.begin * canvas.width * 3, row.size(), sums);
    for (size_t i = 0; i < sums.size(); ++i) row[i] = to_byte(sums[i]);
    std::array<uint8_t, 3> ground{};
    for (size_t c = 0; c < 3; ++c) ground[c] = ground_byte(line, canvas.ground[c]);
    resample_row(row.data(), columns, ground, out);
    out += columns.size() * 3;
  }
  return target;
}

/// Since Pillow 13 a picture that shrinks much more in height is resampled vertically first (before, never). The order
/// shows in the last bit, because the result in between is rounded to bytes.
bool goes_vertical_first(const Axis& across, const Axis& down) {
  const auto lost_rows = down.ground - down.target, lost_columns = across.ground - across.target;
  return lost_rows > 0 && lost_rows > 2 * lost_columns;
}

/// Pillow steps through the source by repeated addition; the accumulated rounding is part of its result.
std::vector<int64_t> nearest_places(const Axis& axis) {
  const double step = static_cast<double>(axis.ground) / static_cast<double>(axis.target);
  std::vector<int64_t> places;
  double at = step * 0.5;
  for (int64_t i = 0; i < axis.first + axis.count; ++i, at += step) {
    if (i >= axis.first) places.push_back(axis.changes() ? static_cast<int64_t>(at) : i);
  }
  return places;
}

std::vector<uint8_t> pick_nearest(const Canvas& canvas, const Axis& columns, const Axis& lines, const Cancel& cancel) {
  std::vector<uint8_t> target;
  target.reserve(static_cast<size_t>(columns.count * lines.count * 3));
  const auto places = nearest_places(columns);
  for (const auto y : nearest_places(lines)) {
    cancel.poll("preprocessing");
    for (const auto x : places) {
      const auto inner_x = x - canvas.left, inner_y = y - canvas.top;
      const bool inside = inner_x >= 0 && inner_x < canvas.width && inner_y >= 0 && inner_y < canvas.height;
      const auto* pixel = inside ? canvas.rgb.data() + (inner_y * canvas.width + inner_x) * 3 : canvas.ground.data();
      target.insert(target.end(), pixel, pixel + 3);
    }
  }
  return target;
}

}  // namespace

Canvas canvas_of(std::span<const uint8_t> rgb, int64_t width, int64_t height) {
  return {rgb, width, height, width, height, 0, 0, {}};
}

std::vector<uint8_t> resize(const Canvas& canvas, int64_t target_width, int64_t target_height, Resample filter,
                            const Window& window, const Cancel& cancel) {
  const Axis across{canvas.width, canvas.left, canvas.ground_width, target_width, window.x, window.width};
  const Axis down{canvas.height, canvas.top, canvas.ground_height, target_height, window.y, window.height};
  if (filter == Resample::nearest) return pick_nearest(canvas, across, down, cancel);
  const auto columns = all_taps(across, filter);
  const auto lines = all_taps(down, filter);
  if (goes_vertical_first(across, down)) return vertical_first(canvas, columns, lines, cancel);
  return horizontal_first(canvas, columns, lines, cancel);
}

}  // namespace llava::core
