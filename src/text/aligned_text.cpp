#include "text/aligned_text.hpp"

namespace llava::core {

AlignedText AlignedText::original(std::string_view bytes, uint32_t first) {
  AlignedText text;
  text.text_.assign(bytes);
  text.first_ = first;
  return text;
}

AlignedText AlignedText::slice(uint32_t begin, uint32_t end) const {
  AlignedText part = original(std::string_view(text_).substr(begin, end - begin), origin(begin));
  if (!origins_.empty()) part.origins_.assign(origins_.begin() + begin, origins_.begin() + end + 1);
  return part;
}

void AlignedText::reserve(size_t bytes) {
  text_.reserve(bytes);
  origins_.reserve(bytes + 1);
}

void AlignedText::keep(const AlignedText& from, uint32_t begin, uint32_t end) {
  text_.append(from.text_, begin, end - begin);
  if (from.origins_.empty()) {
    for (uint32_t at = begin; at < end; ++at) origins_.push_back(from.first_ + at);
  } else {
    origins_.insert(origins_.end(), from.origins_.begin() + begin, from.origins_.begin() + end);
  }
}

void AlignedText::put(std::string_view bytes, uint32_t origin) {
  text_.append(bytes);
  origins_.insert(origins_.end(), bytes.size(), origin);
}

void AlignedText::finish(uint32_t end) { origins_.push_back(end); }

}  // namespace llava::core
