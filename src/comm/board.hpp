// A board on which all ranks of a run put up short texts under names: how they find each other before anything else
// connects them, and how they tell each other that one is lost. Behind it is a store of c10d, whose headers stay in
// board.cpp and gloo_comm.cpp.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace llava::core {

struct BoardStore;  // board_store.hpp

class Board {
 public:
  struct Address {
    std::string host;
    int64_t port;
    bool serve;          // this process keeps the board
    std::string prefix;  // of all names: runs that share a store do not see each other
    bool allow_public = false;
  };

  /// Who serves listens where the host's name says; on all interfaces when the name of this machine stands for loopback.
  /// The store asks nobody for a password, so a host of the public internet is refused unless `allow_public`.
  /// Throws Error(distributed) when nobody serves within `patience`, when the port is taken, or when what answers is no
  /// store; Error(argument) when the host is not known or public.
  static std::unique_ptr<Board> over_tcp(const Address& address, std::chrono::milliseconds patience);

  /// Over a file that all ranks see: for tests.
  static std::unique_ptr<Board> over_file(const std::string& path);

  explicit Board(std::unique_ptr<BoardStore> store);
  ~Board();

  // All of them throw Error(distributed) when the store is gone, and may block when it has stopped.
  void put(const std::string& name, const std::string& text);
  bool has(const std::string& name);
  std::string get(const std::string& name);                                 // of a name that is there
  std::string put_first(const std::string& name, const std::string& text);  // unless it is there; what is there then
  int64_t add(const std::string& name, int64_t number);                     // to a number that starts at 0; the sum

  /// Another connection to the same board, for another thread.
  std::unique_ptr<Board> again() const;

  /// This machine's address as seen from the board's.
  const std::string& local_host() const;

  const BoardStore& store() const { return *store_; }

 private:
  std::unique_ptr<BoardStore> store_;
};

}  // namespace llava::core
