// What this build is made of and can do.
#pragma once

#include <string_view>

namespace llava::capi {

/// Constant JSON text.
const char* build_info_json();

bool has_feature(std::string_view name);

/// Throws Error(abi) when the LibTorch in the process is another version than the one this library was built for.
void check_torch_version();

}  // namespace llava::capi
