// The program's own malloc family: glibc's, but for the one allocation (or all from it on) that is told to fail.
#pragma once

#include <cstdint>

namespace faults {

enum class Mode { once, from_then_on };

/// Counts allocations of all threads from now on; none fails.
void count();

/// Allocation number `which` (from 0) fails, or every one from it on.
void arm(int64_t which, Mode mode);

/// Ends counting and failing; gives the allocations asked for since.
int64_t disarm();

/// How many failed between the last arm() and disarm().
int64_t failures();

}  // namespace faults
