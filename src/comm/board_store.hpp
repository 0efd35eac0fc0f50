// The store behind a Board. Costs ten seconds a file: for board.cpp and gloo_comm.cpp alone.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <string>

namespace llava::core {

struct BoardStore {
  c10::intrusive_ptr<c10d::Store> store;
  std::string name;        // for messages
  std::string local_host;  // of this process
};

/// The first line of what LibTorch has to say, without its backtrace.
std::string first_line(const std::exception& error);

}  // namespace llava::core
