// The way into libgomp.
#include "ops/cpu/parallel.hpp"

#include <ATen/Parallel.h>

#include <atomic>
#include <exception>

// libgomp's binary interface, what every compiler emits for `#pragma omp parallel`; also spoken by LLVM's runtime
extern "C" {
void GOMP_parallel(void (*function)(void*), void* data, unsigned threads, unsigned flags);
int omp_get_num_threads();
int omp_get_thread_num();
}

// MKL, where LibTorch is built with it: sets the threads of the calling thread alone, returns what was set before
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int threads);

namespace llava::core::cpu {
namespace {

struct Team {
  int64_t count, grain;
  void (*chunk)(void* context, int64_t first, int64_t last);
  void* context;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  std::exception_ptr error;
};

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void run_member(void* data) {
  Team& team = *static_cast<Team*>(data);
  const int64_t members = std::min<int64_t>(omp_get_num_threads(), std::max<int64_t>(1, team.count / team.grain));
  const int64_t share = ceil_div(team.count, members), first = omp_get_thread_num() * share;
  if (first >= team.count) return;
  try {
    team.chunk(team.context, first, std::min(first + share, team.count));
  } catch (...) {
    if (!team.failed.test_and_set()) team.error = std::current_exception();
  }
}

}  // namespace

void run_parallel(int64_t count, int64_t grain, void (*chunk)(void* context, int64_t first, int64_t last),
                  void* context) {
  if (count <= 0) return;
  grain = std::max<int64_t>(1, grain);
  if (count / grain < 2 || at::get_num_threads() == 1 || at::in_parallel_region()) return chunk(context, 0, count);
  Team team{count, grain, chunk, context, ATOMIC_FLAG_INIT, nullptr};
  // 0 = the caller's own setting, as LibTorch does: a team of another size would end threads and start others each time
  GOMP_parallel(run_member, &team, 0, 0);
  if (team.error) std::rethrow_exception(team.error);
}

SerialProducts::SerialProducts() {
  at::get_num_threads();  // a thread's first call of LibTorch sets MKL's number too: not after this
  if (MKL_Set_Num_Threads_Local) before_ = MKL_Set_Num_Threads_Local(1);
}

SerialProducts::~SerialProducts() {
  if (MKL_Set_Num_Threads_Local) MKL_Set_Num_Threads_Local(before_);
}

}  // namespace llava::core::cpu
