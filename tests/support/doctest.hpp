// The only way to doctest: LibTorch defines a CHECK of its own, which would silently replace doctest's. Include LibTorch
// headers before this one. tests/base/doctest_sentinel_test.cpp counts assertions to prove that CHECK is doctest's.
#pragma once

#ifdef CHECK
#undef CHECK
#endif
#ifdef CHECK_EQ
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LT
#undef CHECK_GT
#undef CHECK_LE
#undef CHECK_GE
#endif
#include <doctest/doctest.h>

#include "base/error.hpp"

/// The error that `call` throws, for tests that look at status and message: `const auto e = error_of([&] { … });`
template <typename Call>
llava::core::Error error_of(Call&& call) {
  try {
    call();
  } catch (const llava::core::Error& error) {
    return error;
  }
  return {llava::core::Status::ok, "nothing was thrown"};
}
