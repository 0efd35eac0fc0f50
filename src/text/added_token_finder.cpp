#include "text/added_token_finder.hpp"

#include <algorithm>

#include "text/unicode.hpp"

namespace llava::core {
namespace {

bool stands_alone(std::string_view text, size_t begin, size_t end) {
  const bool word_before = begin > 0 && is_word_char(code_point_at(text, previous_code_point(text, begin)).code);
  const bool word_after = end < text.size() && is_word_char(code_point_at(text, end).code);
  return !word_before && !word_after;
}

size_t skip_blanks_back(std::string_view text, size_t at, size_t lowest) {
  while (at > lowest) {
    const size_t before = previous_code_point(text, at);
    if (char_class(code_point_at(text, before).code) != CharClass::space) break;
    at = before;
  }
  return at;
}

size_t skip_blanks(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint point = code_point_at(text, at);
    if (char_class(point.code) != CharClass::space) break;
    at += point.bytes;
  }
  return at;
}

}  // namespace

void AddedTokenFinder::add(AddedTokenRule rule) {
  uint32_t node = 0;
  for (const char letter : rule.text) {
    const auto byte = static_cast<unsigned char>(letter);
    auto& children = nodes_[node].children;
    const auto child = std::find_if(children.begin(), children.end(), [&](const auto& c) { return c.first == byte; });
    if (child != children.end()) {
      node = child->second;
      continue;
    }
    const auto fresh = static_cast<uint32_t>(nodes_.size());
    children.emplace_back(byte, fresh);
    nodes_.emplace_back();
    node = fresh;
  }
  begins_[static_cast<unsigned char>(rule.text[0])] = true;
  finds_ = finds_ || !rule.hidden;
  if (nodes_[node].rule < 0) nodes_[node].rule = static_cast<int32_t>(rules_.size());
  rules_.push_back(std::move(rule));
}

const AddedTokenRule* AddedTokenFinder::longest(std::string_view text, size_t at) const {
  int32_t found = -1;
  for (uint32_t node = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const auto& children = nodes_[node].children;
    const auto child = std::find_if(children.begin(), children.end(), [&](const auto& c) { return c.first == byte; });
    if (child == children.end()) break;
    node = child->second;
    if (nodes_[node].rule >= 0) found = nodes_[node].rule;
  }
  return found < 0 ? nullptr : &rules_[static_cast<size_t>(found)];
}

std::vector<AddedTokenFinder::Part> AddedTokenFinder::split(std::string_view text) const {
  std::vector<Part> parts;
  size_t done = 0;  // everything before is in `parts`
  for (size_t at = 0; finds_ && at < text.size();) {
    const AddedTokenRule* rule = begins_[static_cast<unsigned char>(text[at])] ? longest(text, at) : nullptr;
    if (!rule) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + rule->text.size();
    at = end;
    if (rule->hidden || (rule->single_word && !stands_alone(text, begin, end))) continue;
    if (rule->lstrip) begin = skip_blanks_back(text, begin, std::min(done, begin));
    if (rule->rstrip) end = skip_blanks(text, end);
    if (done < begin) parts.push_back({-1, static_cast<uint32_t>(done), static_cast<uint32_t>(begin)});
    parts.push_back({rule->id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    done = end;
  }
  if (done < text.size()) parts.push_back({-1, static_cast<uint32_t>(done), static_cast<uint32_t>(text.size())});
  return parts;
}

}  // namespace llava::core
