// The speed floors of the ops on this CPU, as a table and one line of JSON: linear with one row against the measured
// read bandwidth, with many rows against f32 at::matmul, attention against the composition of ATen ops.
//
//   ops_bench [threads] [rounds]      (LLAVA_CPU_ISA chooses the kernels)
//
// Medians of `rounds` (20). Two threads unless said. "cold" runs through as many copies of a matrix as exceed the
// caches, as a whole model does; "hot" multiplies by one matrix again and again.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>

#include "base/error.hpp"
#include "ops/bandwidth.hpp"
#include "ops/cpu/features.hpp"
#include "ops/ops.hpp"
#include "ops/reference.hpp"

using namespace llava::core;

namespace {

int rounds = 20;
std::string json;

void record(const std::string& name, double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.4g", value);
  json += (json.empty() ? "{\"" : ", \"") + name + "\": " + text;
}

at::Tensor random(at::IntArrayRef shape) {
  static auto generator = at::make_generator<at::CPUGeneratorImpl>(1);
  return at::randn(shape, generator, at::TensorOptions(at::kFloat));
}

// With one thread its CPU time, which other programs disturb less; with more the time on the wall.
double now_ms() {
  timespec time{};
  clock_gettime(at::get_num_threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

template <typename Work>
double median_ms(Work&& work) {
  work(0);  // warm
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const double start = now_ms();
    work(round);
    times.push_back(now_ms() - start);
  }
  return median(times);
}

// Both in turn, so that whatever else runs disturbs them alike.
std::pair<double, double> medians_ms(const std::function<void()>& own, const std::function<void()>& other) {
  own();
  other();
  std::vector<double> own_times, other_times;
  for (int round = 0; round < rounds; ++round) {
    const double start = now_ms();
    own();
    const double middle = now_ms();
    other();
    own_times.push_back(middle - start);
    other_times.push_back(now_ms() - middle);
  }
  return {median(own_times), median(other_times)};
}

void bench_linear(int64_t in, int64_t out, double bandwidth) {
  constexpr int kCopies = 6;  // of 90 MB in bf16: beyond a third-level cache of 260 MB
  const auto wide = random({out, in}) * 0.02;
  std::vector<Weight> copies;
  for (int i = 0; i < kCopies; ++i) copies.emplace_back(wide.to(at::kBFloat16));
  const double bytes = 2.0 * static_cast<double>(in * out), work = 2.0 * static_cast<double>(in * out);
  const std::string name = cat(in, "x", out);

  const auto row = random({1, in});
  const double cold = bytes / median_ms([&](int i) { linear(row, copies[size_t(i % kCopies)]); }) * 1e-6;
  const double hot = bytes / median_ms([&](int) { linear(row, copies[0]); }) * 1e-6;
  std::printf("  1 row          %7.1f GB/s  = %4.0f %% of the bandwidth; hot %.1f GB/s\n", cold, 100 * cold / bandwidth,
              hot);
  record("one_row_gbs_" + name, cold);
  record("one_row_share_" + name, cold / bandwidth);
  for (const int64_t rows : {2, 4, 8, 16, 32, 64, 512, 700}) {
    const auto x = random({rows, in});
    const auto [own_ms, aten_ms] = medians_ms([&] { linear(x, copies[0]); }, [&] { at::linear(x, wide); });
    const double own = work * static_cast<double>(rows) / own_ms * 1e-6;
    const double aten = work * static_cast<double>(rows) / aten_ms * 1e-6;
    std::printf("  %3lld rows       %7.1f GFLOP/s, f32 at::linear %7.1f  = %4.0f %%\n", static_cast<long long>(rows),
                own, aten, 100 * own / aten);
    record(cat("rows_", rows, "_gflops_", name), own);
    record(cat("rows_", rows, "_share_", name), own / aten);
  }
}

struct AttentionCase {
  const char* name;
  int64_t images, queries, past, heads, groups, width;
  bool causal;
  at::ScalarType stored;
};

void bench_attention(const AttentionCase& c) {
  const int64_t keys = c.past + c.queries;
  const auto q = random({c.images, c.queries, c.heads, c.width});
  const auto k = random({c.images, keys, c.groups, c.width}).to(c.stored);
  const auto v = random({c.images, keys, c.groups, c.width}).to(c.stored);
  const auto own_op = [&] {
    c.causal ? attention(q[0], k[0], v[0], c.past, true, 0.125) : attention_batched(q, k, v, 0.125);
  };
  const auto [own, aten] = medians_ms(own_op, [&] { attention_reference(q, k, v, c.past, c.causal, 0.125, 0); });
  const double products = 4.0 * static_cast<double>(c.images * c.heads * c.width * c.queries) *
                          (c.causal ? static_cast<double>(c.past) + static_cast<double>(c.queries) / 2 : double(keys));
  std::printf("  %-34s %8.3f ms (%6.1f GFLOP/s), ATen %8.3f ms  = %.1f times as fast\n", c.name, own,
              products / own * 1e-6, aten, aten / own);
  record(std::string("attention_ms_") + c.name, own);
  record(std::string("attention_gain_") + c.name, aten / own);
}

void bench_pointwise(const char* name, const std::function<void()>& own, const std::function<void()>& aten) {
  const auto [own_ms, aten_ms] = medians_ms(own, aten);
  std::printf("  %-34s %8.3f ms, ATen %8.3f ms  = %.1f times as fast\n", name, own_ms, aten_ms, aten_ms / own_ms);
  record(std::string(name) + "_ms", own_ms);
  record(std::string(name) + "_gain", aten_ms / own_ms);
}

void bench_small_ops() {
  const auto hidden = random({512, 4096}), weight = random({4096});
  const auto gate = random({512, 11008}), up = random({512, 11008}), tall = random({577, 4096});
  bench_pointwise(
      "rms_norm_512x4096", [&] { rms_norm(hidden, weight, 1e-5); }, [&] { rms_norm_reference(hidden, weight, 1e-5); });
  auto product = gate.clone();
  bench_pointwise(
      "silu_mul_512x11008", [&] { product = silu_mul(gate, up); }, [&] { silu_mul_reference(gate, up); });
  bench_pointwise(
      "quick_gelu_577x4096", [&] { quick_gelu(tall); }, [&] { quick_gelu_reference(tall); });
  auto q = random({512, 32, 128}), k = random({512, 32, 128});
  const auto cos = random({512, 128}).cos(), sin = random({512, 128}).sin();
  bench_pointwise(
      "rope_512x32x128", [&] { rope_(q, k, cos, sin); }, [&] { rope_reference_(q, k, cos, sin); });
}

}  // namespace

int main(int count, char** words) {
  const c10::InferenceMode inference;
  at::set_num_threads(count > 1 ? std::atoi(words[1]) : 2);
  if (count > 2) rounds = std::atoi(words[2]);
  const char* isa = cpu::isa_name(cpu::chosen_isa());
  const double bandwidth = read_bandwidth_gbs(int64_t{1} << 30, rounds);
  std::printf("%s, %d threads, medians of %d; read stream over 1 GiB: %.1f GB/s\n", isa, at::get_num_threads(), rounds,
              bandwidth);
  record("threads", at::get_num_threads());
  record("read_gbs", bandwidth);
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{4096, 11008}, {11008, 4096}}) {
    std::printf("linear, bf16 weights, in %lld, out %lld\n", static_cast<long long>(in), static_cast<long long>(out));
    bench_linear(in, out, bandwidth);
  }
  std::printf("attention\n");
  bench_attention({"vision_1x577x16x64", 1, 577, 0, 16, 16, 64, false, at::kFloat});
  bench_attention({"vision_4x577x16x64", 4, 577, 0, 16, 16, 64, false, at::kFloat});
  bench_attention({"prefill_640_32x128_bf16", 1, 640, 0, 32, 32, 128, true, at::kBFloat16});
  bench_attention({"prefill_2000_8x128_bf16", 1, 2000, 0, 8, 8, 128, true, at::kBFloat16});
  bench_attention({"turn_20_past_700_32x128_bf16", 1, 20, 700, 32, 32, 128, true, at::kBFloat16});
  bench_attention({"decode_past_700_32x128_bf16", 1, 1, 700, 32, 32, 128, true, at::kBFloat16});
  bench_attention({"decode_past_4000_32g8x128_bf16", 1, 1, 4000, 32, 8, 128, true, at::kBFloat16});
  bench_attention({"decode_past_700_32x128_f32", 1, 1, 700, 32, 32, 128, true, at::kFloat});
  std::printf("the rest\n");
  bench_small_ops();
  std::printf("%s, \"isa\": \"%s\"}\n", json.c_str(), isa);
  return 0;
}
