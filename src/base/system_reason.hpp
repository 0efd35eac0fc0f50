// Why the system refused something, in words that are the same in every locale and thread.
#pragma once

#include <string>

namespace llava::core {

/// "No space left on device" for ENOSPC; "error 4711" for a number without a text.
std::string system_reason(int error);

}  // namespace llava::core
