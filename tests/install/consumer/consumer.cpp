// A C++ program of somebody else, built against the installed llava.hpp: an error arrives as an exception.
#include <cstdio>
#include <cstring>
#include <llava/llava.hpp>

int main() {
  try {
    llava::load("there is no such model");
  } catch (const llava::Error& error) {
    std::printf("libllava %s: %s\n", llava_version(), error.what());
    return error.code() == LLAVA_ERR_NOT_FOUND && std::strstr(error.what(), "there is no such model") ? 0 : 1;
  }
  return 1;
}
