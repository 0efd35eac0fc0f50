// The loss curve of a run as a picture.
#pragma once

#include <string>

namespace llava_cli {

/// Reads `folder`/metrics.jsonl and writes `folder`/loss.svg: the loss of each step, its running mean, and the held-out
/// loss where there is one. Throws FileError.
void plot_losses(const std::string& folder);

}  // namespace llava_cli
