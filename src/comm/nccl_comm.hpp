// Ranks with a card each: c10d's NCCL. NEVER RUN YET: no graphics card was at hand; it compiles and links.
#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "comm/gloo_comm.hpp"

namespace llava::core {

/// What open_comm() makes where the device is a card, once all ranks are on the board. Tensors may lie on the card or on the
/// CPU, from where they go by way of it. A peer that is lost is noticed by the board alone: NCCL itself waits.
///
/// c10d ends the whole process when NCCL meets an error, unless TORCH_NCCL_ASYNC_ERROR_HANDLING is 0 in its environment;
/// programs whose processes are ranks (llava, llava-rank) set it so before they begin.
/// Throws Error(distributed); Error(unsupported) in a build without CUDA.
std::unique_ptr<Comm> nccl_comm(std::unique_ptr<Board> board, int64_t rank, int64_t size, const CommOptions& options,
                                const c10::Device& device);

}  // namespace llava::core
