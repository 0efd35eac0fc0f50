// Standard output that does not lose words: a full disk or a closed pipe ends the command with a message.
#pragma once

#include <array>
#include <streambuf>
#include <string>

namespace llava_cli {

/// While it lives std::cout writes through it, and what cannot be written is a FileError with the system's reason,
/// thrown where it was written or by finish().
class StandardOutput : public std::streambuf {
 public:
  StandardOutput();
  ~StandardOutput() override;
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  /// Writes what is left. Throws FileError.
  void finish();

  /// Writes what is left as far as that goes, and throws no more: for the way out after a failure.
  void give_up() noexcept;

 protected:
  int_type overflow(int_type next) override;
  int sync() override;

 private:
  void write_out();

  std::streambuf* former_;
  std::array<char, 1 << 14> memory_;
};

/// Puts /dev/null, on which every read or write fails, where standard input, output or error are closed: a file that
/// is opened later would take their number.
void occupy_closed_streams();

}  // namespace llava_cli
