// Faults of a checkpoint that are told together: whoever plans a load goes on with what is there.
#pragma once

#include <utility>
#include <vector>

#include "base/error.hpp"

namespace llava::core {

/// True for what is wrong with files. Other failures are of the call: a wrong argument, a cancel, memory.
inline bool is_fault_of_files(Status status) {
  return status == Status::not_found || status == Status::io || status == Status::format ||
         status == Status::unsupported || status == Status::limit;
}

/// Does `work`; a fault of files that it throws joins `problems`. True when there was none.
template <typename Work>
bool collecting(std::vector<Error>& problems, Work&& work) {
  try {
    std::forward<Work>(work)();
    return true;
  } catch (const Error& error) {
    if (!is_fault_of_files(error.status())) throw;
    problems.push_back(error);
    return false;
  }
}

}  // namespace llava::core
