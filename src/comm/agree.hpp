// Texts and outcomes that all ranks are to have in common. Every rank calls these, in the same order; with a null Comm
// there is one rank.
#pragma once

#include <functional>
#include <string>

#include "base/error.hpp"
#include "comm/comm.hpp"

namespace llava::core {

/// The text of rank `root`.
std::string shared_text(Comm* comm, const std::string& text, int64_t root = 0);

/// Runs `work` on every rank, for what can go wrong on some of them. Where it threw Error somewhere, or ran out of memory
/// (comm/memory_failure), all ranks throw that of the lowest such rank, the others with "rank R: " in front. A rank whose
/// connection has ended by then throws its own.
void together(Comm* comm, const std::function<void()>& work);

/// True on all ranks when it is on one: whether somebody has asked to stop.
bool any_rank(Comm* comm, bool mine);

/// Throws Error(argument) on all ranks unless `text` is the same on all: `what` differs, with rank 0's and the first other.
void require_same(Comm* comm, std::string_view what, const std::string& text);

}  // namespace llava::core
