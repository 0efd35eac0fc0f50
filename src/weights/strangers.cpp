// Magic bytes of files that are no safetensors.
#include "weights/strangers.hpp"

namespace llava::core {

std::string_view told_stranger(std::string_view begin) {
  if (begin.starts_with("version https://git-lfs")) return "a Git LFS pointer, the weights were not downloaded";
  if (begin.starts_with("PK\x03\x04")) return "a zip archive, such as torch .bin files are";
  if (begin.starts_with("<!DOCTYPE") || begin.starts_with("<html")) return "a web page";
  if (begin.starts_with("GGUF")) return "a GGUF file";
  return "";
}

}  // namespace llava::core
