// What a process that may be a rank with a card sets in its environment before it begins: the library changes nothing
// there, and c10d reads it but once.
#pragma once

#include <cstdlib>

namespace llava_cli {

/// LibTorch's NCCL would end the process where a peer is lost, and where it thinks that NCCL hangs: libllava notices such
/// things itself, says who it was and ends the call. What the environment says already stands.
inline void prepare_for_cards() {
  setenv("TORCH_NCCL_ASYNC_ERROR_HANDLING", "0", /*overwrite=*/0);
  setenv("TORCH_NCCL_ENABLE_MONITORING", "0", /*overwrite=*/0);
}

}  // namespace llava_cli
