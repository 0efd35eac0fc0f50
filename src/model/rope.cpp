// Rotary position tables.
#include "model/rope.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/where.h>

#include <cmath>
#include <numbers>

namespace llava::core {
namespace {

at::Tensor plain_frequencies(double theta, int64_t width) {
  const auto exponent = at::arange(0, width, 2, at::kLong).to(at::kFloat).div(static_cast<double>(width));
  return at::pow(theta, exponent).reciprocal();
}

// "NTK-aware" stretching: the base grows once the sequence is longer than the context the model was trained for
double dynamic_theta(const LanguageConfig& language, int64_t total) {
  const double width = static_cast<double>(language.head_width);
  const double context = static_cast<double>(language.context);
  const double length = std::max(static_cast<double>(total), context);
  const double factor = language.rope.factor;
  return language.rope.theta * std::pow(factor * length / context - (factor - 1), width / (width - 2));
}

// Llama 3.1: long wavelengths are divided by the factor, short ones kept, those between blended
at::Tensor llama3_frequencies(const RopeConfig& rope, const at::Tensor& plain) {
  const double context = static_cast<double>(rope.original_context);
  const double low_wavelength = context / rope.low_frequency_factor;
  const double high_wavelength = context / rope.high_frequency_factor;
  const auto wavelength = plain.reciprocal().mul(2 * std::numbers::pi);
  const auto stretched = at::where(wavelength.gt(low_wavelength), plain.div(rope.factor), plain);
  const auto smooth = wavelength.reciprocal()
                          .mul(context)
                          .sub(rope.low_frequency_factor)
                          .div(rope.high_frequency_factor - rope.low_frequency_factor);
  const auto blended = smooth.neg().add(1).mul(stretched).div(rope.factor).add(smooth.mul(stretched));
  const auto between = wavelength.ge(high_wavelength).logical_and(wavelength.le(low_wavelength));
  return at::where(between, blended, stretched);
}

at::Tensor frequencies(const LanguageConfig& language, int64_t total) {
  const auto& rope = language.rope;
  switch (rope.scaling) {
    case RopeConfig::Scaling::none:
      return plain_frequencies(rope.theta, language.head_width);
    case RopeConfig::Scaling::linear:
      return plain_frequencies(rope.theta, language.head_width).div(rope.factor);
    case RopeConfig::Scaling::dynamic:
      return plain_frequencies(dynamic_theta(language, total), language.head_width);
    case RopeConfig::Scaling::llama3:
      return llama3_frequencies(rope, plain_frequencies(rope.theta, language.head_width));
  }
  return {};
}

}  // namespace

RopeTable rope_table(const LanguageConfig& language, int64_t past, int64_t length, at::Device device) {
  const auto positions = at::arange(past, past + length, at::kLong).to(at::kFloat);
  const auto half = at::outer(positions, frequencies(language, past + length));
  const auto angles_LK = at::cat({half, half}, 1);
  return {angles_LK.cos().to(device), angles_LK.sin().to(device)};
}

}  // namespace llava::core
