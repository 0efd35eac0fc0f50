#include "base/system_reason.hpp"

#include <cstring>

#include "base/error.hpp"

namespace llava::core {

// strerror() is translated and not safe between threads
std::string system_reason(int error) {
  const char* text = strerrordesc_np(error);
  return text ? text : cat("error ", error);
}

}  // namespace llava::core
