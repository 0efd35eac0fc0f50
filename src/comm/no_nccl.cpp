// What a build without CUDA has in the place of nccl_comm.cpp.
#include "base/error.hpp"
#include "comm/nccl_comm.hpp"

namespace llava::core {

std::unique_ptr<Comm> nccl_comm(std::unique_ptr<Board>, int64_t, int64_t, const CommOptions&,
                                const c10::Device& device) {
  throw Error(Status::unsupported, cat("ranks on ", device.str(), ": this build of libllava has no CUDA"));
}

}  // namespace llava::core
