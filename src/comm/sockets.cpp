// Plain sockets. A store's own client would wait with complaints on stderr, and its server listens on every interface.
#include "comm/sockets.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/system_reason.hpp"
#include "comm/wait_notice.hpp"

namespace llava::core {
namespace {

using Clock = std::chrono::steady_clock;
using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses look_up(const std::string& host, int64_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed) throw Error(Status::argument, cat("the host \"", host, "\" is not known: ", ::gai_strerror(failed)));
  return {found, &::freeaddrinfo};
}

std::string digits_of(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST] = "";
  ::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  return text;
}

uint32_t ipv4_of(const addrinfo& address) {
  return ntohl(reinterpret_cast<const sockaddr_in*>(address.ai_addr)->sin_addr.s_addr);
}

bool is_loopback(const addrinfo& address) {
  if (address.ai_family == AF_INET) return ipv4_of(address) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address.ai_addr)->sin6_addr);
}

bool means_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// The address to bind: its own, or every interface for a machine's name that stands for loopback.
sockaddr_storage to_bind(const std::string& host, const addrinfo& address) {
  sockaddr_storage place{};
  std::memcpy(&place, address.ai_addr, address.ai_addrlen);
  if (is_loopback(address) && !means_loopback(host)) {
    if (address.ai_family == AF_INET) reinterpret_cast<sockaddr_in&>(place).sin_addr.s_addr = htonl(INADDR_ANY);
    if (address.ai_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(place).sin6_addr = in6addr_any;
  }
  return place;
}

// 0, or why nobody answers
int try_connect(const addrinfo& address, std::chrono::milliseconds patience, std::string& local) {
  const Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return errno;
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno;
    pollfd waiting{socket.get(), POLLOUT, 0};
    if (::poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return ETIMEDOUT;
    int failed = 0;
    socklen_t size = sizeof failed;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed) return failed;
  }
  sockaddr_storage mine{};
  socklen_t size = sizeof mine;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&mine), &size) != 0) return errno;
  local = digits_of(reinterpret_cast<sockaddr*>(&mine), size);
  return 0;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (number_ >= 0) ::close(number_);
    number_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

int Descriptor::release() noexcept { return std::exchange(number_, -1); }

Descriptor bound_socket(const std::string& host, int64_t port) {
  const auto addresses = look_up(host, port);
  int failed = 0;
  for (const auto* address = addresses.get(); address; address = address->ai_next) {
    Descriptor socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    const auto place = to_bind(host, *address);
    if (socket.get() >= 0 && ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&place), address->ai_addrlen) == 0)
      return socket;
    failed = errno;
  }
  throw Error(Status::distributed, cat("cannot listen on ", host, " port ", port, ": ", system_reason(failed)));
}

int64_t port_of(const Descriptor& socket) {
  sockaddr_storage place{};
  socklen_t size = sizeof place;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&place), &size) != 0)
    throw Error(Status::distributed, cat("a socket has no address: ", system_reason(errno)));
  return ntohs(place.ss_family == AF_INET ? reinterpret_cast<const sockaddr_in&>(place).sin_port
                                          : reinterpret_cast<const sockaddr_in6&>(place).sin6_port);
}

std::string wait_for_server(const std::string& host, int64_t port, std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  const auto addresses = look_up(host, port);
  WaitNotice notice;
  for (;;) {
    int failed = 0;
    for (const auto* address = addresses.get(); address; address = address->ai_next) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
      std::string local;
      failed =
          try_connect(*address, std::clamp(left, std::chrono::milliseconds(1), std::chrono::milliseconds(5000)), local);
      if (failed == 0) return local;
    }
    if (Clock::now() >= end)
      throw Error(Status::distributed, cat("rank 0 does not answer at ", host, " port ", port, " within ",
                                           patience.count(), " ms: ", system_reason(failed)));
    notice.look([&] { return cat("rank 0, to answer at ", host, " port ", port); });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

bool is_public(const std::string& host) {
  const auto addresses = look_up(host, 0);
  for (const auto* address = addresses.get(); address; address = address->ai_next) {
    if (is_loopback(*address)) continue;
    if (address->ai_family == AF_INET) {  // RFC 1918, 3927, 6598
      const auto ip = ipv4_of(*address);
      if (ip >> 24 == 10 || ip >> 20 == 0xac1 || ip >> 16 == 0xc0a8 || ip >> 16 == 0xa9fe || ip >> 22 == 0x191)
        continue;
    } else {  // RFC 4193, 4291
      const auto* bytes = reinterpret_cast<const sockaddr_in6*>(address->ai_addr)->sin6_addr.s6_addr;
      if ((bytes[0] & 0xfe) == 0xfc || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)) continue;
    }
    return true;
  }
  return false;
}

}  // namespace llava::core
