// Makers and measures of the op tests: seeded random tensors, distances, every instruction set and device in turn.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/randn.h>

#include "ops/cpu/features.hpp"
#include "ops/cuda/launch.hpp"
#include "ops/ops.hpp"
#include "ops/reference.hpp"
#include "support/doctest.hpp"

namespace ops_test {

/// Normal numbers, the same in every run.
inline at::Tensor random(at::IntArrayRef shape, uint64_t seed = 1) {
  return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::TensorOptions(at::kFloat));
}

/// max|found - expected| / max(1, max|expected|): ruling 32. Infinite when a NaN or another shape is about.
inline double distance(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
  if (found.numel() == 0) return 0;
  const auto wide = found.to(at::kCPU).to(at::kDouble), reference = expected.to(at::kCPU).to(at::kDouble);
  const double apart = (wide - reference).abs().max().item<double>();
  const double result = apart / std::max(1.0, reference.abs().max().item<double>());
  return std::isnan(result) ? std::numeric_limits<double>::infinity() : result;
}

/// Runs `check()` once with each instruction set of this CPU; the name is in doctest's message.
template <typename Check>
void with_each_isa(Check&& check) {
  for (const auto isa : llava::core::cpu::available_isas()) {
    const std::string name = llava::core::cpu::isa_name(isa);
    CAPTURE(name);
    const llava::core::cpu::ForcedIsa forced(isa);
    check();
  }
}

}  // namespace ops_test
