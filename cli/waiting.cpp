// One exec: it costs loading LibTorch twice, a quarter of a second.
#include "waiting.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace llava_cli {

void wait_without_spinning(int argc, char** argv) {
  constexpr std::string_view kComputing[] = {"chat", "features", "logits", "bench"};
  const bool computes =
      argc > 2 && std::find(std::begin(kComputing), std::end(kComputing), argv[1]) != std::end(kComputing);
  if (!computes || std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  if (setenv("OMP_WAIT_POLICY", "passive", 0) == 0) execv("/proc/self/exe", argv);  // comes back when it cannot: go on
}

}  // namespace llava_cli
