// What a Board needs of the network before a store can stand on it: a port to listen on, and somebody who answers.
#pragma once

#include <chrono>
#include <string>

namespace llava::core {

/// An open descriptor, closed at the end of its life.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return number_; }
  int release() noexcept;

 private:
  int number_;
};

/// A socket bound to `host` and `port` (0 = any that is free); to all interfaces when `host` is a name that stands for a
/// loopback address here, as Debian writes a machine's own name into /etc/hosts.
/// Throws Error(argument) for a host that is not known, Error(distributed) when the port is taken.
Descriptor bound_socket(const std::string& host, int64_t port);
int64_t port_of(const Descriptor& socket);

/// Waits until somebody accepts connections there and returns this machine's address on the way to it, as digits.
/// Throws Error(distributed) after `patience`, Error(argument) for a host that is not known.
std::string wait_for_server(const std::string& host, int64_t port, std::chrono::milliseconds patience);

/// True for an address that routers of the internet know; names are looked up.
bool is_public(const std::string& host);

}  // namespace llava::core
