// Versions and features.
#include "build_info.hpp"

#include <llava/base.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <string>

#include "base/error.hpp"
#include "ops/cuda/launch.hpp"

namespace llava::capi {
namespace {

#if defined(LLAVA_WITH_WEBP)
constexpr bool kWebp = true;
#else
constexpr bool kWebp = false;
#endif

constexpr std::string_view kAlways[] = {"bmp",  "chat", "cpu", "encode", "forward", "gif",
                                        "jpeg", "lora", "png", "stream", "train"};

std::string make_build_info() {
  using core::cat;
  std::string features;
  for (const auto name : kAlways) features += cat(features.empty() ? "" : ",", "\"", name, "\"");
  const bool cuda = core::cuda::has_cuda();
  if (cuda) features += ",\"cuda\"";
  if (kWebp) features += ",\"webp\"";
  return cat("{\"version\":\"", LLAVA_VERSION, "\",\"abi\":", LLAVA_ABI_VERSION, ",\"torch\":\"", TORCH_VERSION,
             "\",\"compiler\":\"", __VERSION__, "\",\"cuda\":", cuda, ",\"features\":[", features, "]}");
}

}  // namespace

const char* build_info_json() {
  static const std::string* const text = new std::string(make_build_info());  // never destroyed
  return text->c_str();
}

bool has_feature(std::string_view name) {
  if (name == "cuda") return core::cuda::has_cuda();
  if (name == "webp") return kWebp;
  return std::ranges::find(kAlways, name) != std::end(kAlways);
}

void check_torch_version() {
  constexpr uint64_t kMinor = ~uint64_t{0} << 48;  // major and minor stand in the upper two bytes
  const uint64_t running = aoti_torch_abi_version();
  if ((running & kMinor) == (static_cast<uint64_t>(TORCH_ABI_VERSION) & kMinor)) return;
  throw core::Error(core::Status::abi, core::cat("LibTorch ", running >> 56, ".", running >> 48 & 255,
                                                 " is loaded, this library was built for ", TORCH_VERSION));
}

}  // namespace llava::capi
