// What it costs that sums have one order on any number of ranks: steps of a training stage on several processes of this
// machine that meet over Gloo, with and without; what tools/bench ranks tells.
//
//   rank_bench MODEL STAGE STEPS BATCH MICRO_BATCH LENGTH RANKS [ZERO]      prints one JSON object
//
// Each rank has both steppers, which take turns step by step, so that a busy moment meets both; one thread a rank. A step's
// time is from where all ranks are ready to where all are done; its work is the processors' time of all ranks together,
// which other work beside it hardly changes.
#include <sys/resource.h>

#include <ATen/ops/full.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>

#include "base/error.hpp"
#include "base/json_value.hpp"
#include "comm/gloo_comm.hpp"
#include "comm/launcher.hpp"
#include "train_support.hpp"

using namespace llava::core;

namespace {

struct Job {
  std::string model;
  int64_t stage, steps, batch, micro_batch, length, ranks, zero;
};

double median(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

// Of this process.
int64_t processor_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) { return int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

struct Taken {
  double seconds, work;
};

Taken one_step(Comm& comm, Stepper& stepper, const std::vector<Leaf>& leaves) {
  comm.barrier();
  const double begin = seconds();
  auto work = at::full({1}, -processor_us(), at::kLong);
  stepper.step(leaves, {});
  work.add_(processor_us());
  comm.barrier();
  const double taken = seconds() - begin;
  comm.all_reduce(work, Reduce::sum);
  return {taken, static_cast<double>(work.item<int64_t>()) * 1e-6};
}

void work(const Job& job, const Place& place) {
  const auto comm = open_comm(place);
  const auto plan = plan_load(job.model, {});
  const auto learns = [&](std::string_view name) {
    return name.starts_with("projector.") || (job.stage == 2 && !name.starts_with("vision."));
  };
  Stepper exact(plan, learns, {}, {}, {comm.get(), job.zero, true});
  Stepper fast(plan, learns, {}, {}, {comm.get(), job.zero, false});
  const auto samples = samples_of(exact.network().config(), job.batch, job.length);
  std::vector<Leaf> leaves(static_cast<size_t>(job.batch / job.micro_batch));
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto leaf = i / static_cast<size_t>(job.micro_batch);
    if (static_cast<int64_t>(leaf) % place.size == place.rank) leaves[leaf].push_back(&samples[i]);
  }
  std::array<std::vector<double>, 2> times, works;
  for (int64_t step = -1; step < job.steps; ++step) {  // the first is not counted
    const std::array taken = {one_step(*comm, exact, leaves), one_step(*comm, fast, leaves)};
    for (size_t i = 0; i < 2 && step >= 0; ++i) times[i].push_back(taken[i].seconds), works[i].push_back(taken[i].work);
  }
  if (place.rank != 0) return;
  std::printf("%s\n", Json::object({{"deterministic_s", median(times[0])},
                                    {"fast_s", median(times[1])},
                                    {"ratio", median(times[0]) / median(times[1])},
                                    {"ratio_of_work", median(works[0]) / median(works[1])},
                                    {"learning", exact.network().learners().learning()},
                                    {"micro_batches", static_cast<int64_t>(leaves.size())}})
                          .dump()
                          .c_str());
}

// Throws Error(distributed) when a rank failed.
void start(const Job& job, std::span<char*> arguments) {
  LaunchOptions options;
  options.executable = std::filesystem::read_symlink("/proc/self/exe").string();
  options.arguments = {arguments.begin() + 1, arguments.end()};
  options.ranks = job.ranks;
  options.threads = 1;
  const auto ended = launch(options, {});
  if (ended.first_failure) throw Error(Status::distributed, text_of(*ended.first_failure));
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 8) {
    std::fprintf(stderr, "usage: rank_bench MODEL STAGE STEPS BATCH MICRO_BATCH LENGTH RANKS [ZERO]\n");
    return 2;
  }
  try {
    const auto number = [&](int i) { return i < count ? std::atoll(arguments[i]) : 0; };
    const Job job{arguments[1], number(2), number(3), number(4), number(5), number(6), number(7), number(8)};
    if (job.ranks < 2 || job.micro_batch < 1 || job.batch % job.micro_batch != 0 || job.steps < 1)
      throw Error(Status::argument, "expected at least two ranks, a step, and a divisor of the batch");
    const auto place = place_from();
    place.size == 1 ? start(job, {arguments, static_cast<size_t>(count)}) : work(job, place);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "rank_bench: %s\n", error.message().c_str());
    return 1;
  }
}
