// Stop strings over a stream of text, also when one is spread over several tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llava::core {

class StopMatcher {
 public:
  /// Throws Error(argument) for an empty string, Error(limit) for too many or too long ones.
  explicit StopMatcher(std::vector<std::string> stops, bool include_stop);

  /// Takes the next piece of text and hands out what can no longer become part of a stop string. Once one has been
  /// found, stopped() is true, the text before it (with include_stop: and itself) is handed out and the rest dropped.
  std::string push(std::string_view text);

  /// What was held back, at the end of the answer.
  std::string flush();

  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  bool include_stop_;
  bool stopped_ = false;
  std::string held_;
};

}  // namespace llava::core
