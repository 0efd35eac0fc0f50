// std::cout over write(2), so that the reason of a failure is still known when it is told.
#include "output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "failure.hpp"

namespace llava_cli {

StandardOutput::StandardOutput() : former_(std::cout.rdbuf(this)) {
  setp(memory_.data(), memory_.data() + memory_.size());
  std::cout.exceptions(std::ios::badbit);  // hands on what overflow() and sync() throw
}

StandardOutput::~StandardOutput() {
  give_up();
  std::cout.rdbuf(former_);
}

void StandardOutput::finish() { std::cout.flush(); }

void StandardOutput::give_up() noexcept {
  std::cout.exceptions(std::ios::goodbit);
  std::cout.flush();
}

void StandardOutput::write_out() {
  const char* from = pbase();
  const char* const end = pptr();
  setp(memory_.data(), memory_.data() + memory_.size());  // whatever happens, nothing is written twice
  while (from < end) {
    const auto written = ::write(STDOUT_FILENO, from, static_cast<size_t>(end - from));
    if (written >= 0)
      from += written;
    else if (errno != EINTR)
      throw FileError(std::string("standard output: ") + std::strerror(errno));
  }
}

StandardOutput::int_type StandardOutput::overflow(int_type next) {
  write_out();
  if (!traits_type::eq_int_type(next, traits_type::eof())) sputc(traits_type::to_char_type(next));
  return traits_type::not_eof(next);
}

int StandardOutput::sync() {
  write_out();
  return 0;
}

void occupy_closed_streams() {
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number)
    if (fcntl(number, F_GETFD) == -1) (void)::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace llava_cli
