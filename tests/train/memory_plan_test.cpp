// The planner's arithmetic at sizes that no test machine has: bytes of states of the published models, in 2^30 bytes to one decimal.
// What is expected is what a parameter takes, written out: a bf16 weight and its remainder 2 + 2, two moments 8, and f32 for
// the sum of gradients 4.
#include "train/memory_plan.hpp"

#include <cmath>
#include <limits>

#include "base/json_value.hpp"

// after everything that includes LibTorch
#include "support/doctest.hpp"

using namespace llava::core;

namespace {

struct Shape {
  const char* name;
  int64_t width, intermediate, layers, heads;
};
constexpr Shape k7B{"7B", 4096, 11008, 32, 32}, k13B{"13B", 5120, 13824, 40, 40};
constexpr int64_t kVocabulary = 32000, kVisionWidth = 1024;

int64_t block_of(const Shape& shape) {
  return 4 * shape.width * shape.width + 3 * shape.width * shape.intermediate + 2 * shape.width;
}

/// Language model and projector.
int64_t parameters_of(const Shape& shape) {
  const auto projector = (kVisionWidth + 1) * shape.width + (shape.width + 1) * shape.width;
  return shape.layers * block_of(shape) + 2 * kVocabulary * shape.width + shape.width + projector;
}

Json plan_of(const Shape& shape, int64_t ranks, int64_t zero) {
  LoadPlan plan;
  auto& language = plan.checkpoint.config.language;
  language.width = shape.width, language.intermediate = shape.intermediate;
  language.layers = shape.layers, language.heads = language.key_value_heads = shape.heads;
  RunSettings settings;
  settings.device = "cuda";
  settings.precision = Precision::bf16_store;
  settings.learns = "(language|projector|lm_head)\\..*";
  settings.batch = settings.micro_batch = 8;  // one leaf: one sum
  settings.zero = zero;
  LearningCount learning;
  learning.parameters = parameters_of(shape);
  learning.longest_unit = block_of(shape);
  return card_memory_plan(plan, settings, learning, {800, 400, 8, 100}, ranks).value();
}

int64_t bytes(const Json& plan, const char* item) { return plan.at(item).integer(); }

/// In units of 2^30, to one decimal.
double gib(double bytes) { return std::round(bytes / 0x1p30 * 10) / 10; }

}  // namespace

TEST_SUITE("train/memory_plan") {
  TEST_CASE("16 bytes a parameter, whole or in shards") {
    CHECK(parameters_of(k7B) == 6'738'415'616 + 20'979'712);
    struct Row {
      Shape shape;
      int64_t ranks, zero;
      double a_parameter;  // bytes on a rank
      double gib;
    };
    const Row rows[] = {{k7B, 1, 2, 2 + 2 + 8 + 4, 100.7},         {k13B, 1, 2, 2 + 2 + 8 + 4, 194.4},
                        {k7B, 1, 0, 2 + 2 + 8 + 4, 100.7},         {k13B, 1, 0, 2 + 2 + 8 + 4, 194.4},
                        {k7B, 8, 1, 2 + (2 + 8 + 4) / 8., 23.6},   {k13B, 8, 1, 2 + (2 + 8 + 4) / 8., 45.6},
                        {k7B, 8, 2, 2 + (2 + 8 + 4) / 8., 23.6},   {k13B, 8, 2, 2 + (2 + 8 + 4) / 8., 45.6},
                        {k7B, 8, 3, (2 + 2 + 8 + 4) / 8., 12.6},   {k13B, 8, 3, (2 + 2 + 8 + 4) / 8., 24.3},
                        {k7B, 64, 2, 2 + (2 + 8 + 4) / 64., 14.0}, {k13B, 64, 2, 2 + (2 + 8 + 4) / 64., 27.0},
                        {k7B, 64, 3, (2 + 2 + 8 + 4) / 64., 1.6},  {k13B, 64, 3, (2 + 2 + 8 + 4) / 64., 3.0}};
    for (const auto& row : rows) {
      CAPTURE(row.shape.name);
      CAPTURE(row.ranks);
      CAPTURE(row.zero);
      const auto count = static_cast<double>(parameters_of(row.shape));
      const auto plan = plan_of(row.shape, row.ranks, row.zero);
      // below level 2 the gradient of one micro-batch is whole besides
      const double gradient = row.zero < 2 ? 4 * count : 0;
      const auto states = static_cast<double>(bytes(plan, "parameters") + bytes(plan, "sums")) - gradient;
      CHECK(states == doctest::Approx(row.a_parameter * count).epsilon(1e-9));
      CHECK(gib(states) == doctest::Approx(row.gib));
    }
  }

  TEST_CASE(
      "from level 2 on a gradient of the largest unit, at level 3 its weights too; what is exchanged is one more") {
    const auto unit = static_cast<double>(block_of(k7B));
    CHECK(bytes(plan_of(k7B, 1, 0), "units") == 0);
    CHECK(bytes(plan_of(k7B, 1, 2), "units") == doctest::Approx(4 * unit));
    CHECK(bytes(plan_of(k7B, 8, 2), "units") == doctest::Approx(4 * unit));
    CHECK(bytes(plan_of(k7B, 8, 3), "units") == doctest::Approx((4 + 2) * unit));
    CHECK(bytes(plan_of(k7B, 1, 0), "exchange") == 0);
    CHECK(bytes(plan_of(k7B, 8, 2), "exchange") == doctest::Approx(4 * unit));
  }
}
