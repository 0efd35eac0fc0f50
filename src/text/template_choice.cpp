// Which row a checkpoint gets when nobody asks for one. A chat template is a Jinja program; it is compared with the
// known ones by a hash of its text and never executed.
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/error.hpp"
#include "text/templates.hpp"

namespace llava::core {
namespace {

/// FNV-1a, 64 bit. A forged collision gains nothing: the row it would reach is one of ours.
uint64_t hash_text(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : text) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3u;
  return hash;
}

/// Without blanks at the ends, and with the two characters `\n` as a line break: JSON files hold either spelling.
std::string normal_text(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool spelled = text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n';
    out.push_back(spelled ? '\n' : text[i]);
    i += spelled ? 1 : 0;
  }
  return out;
}

struct Known {
  uint64_t hash;
  std::string_view key;
  std::string_view source;
};

constexpr std::array kKnown = {
    Known{0xd9ced1d7141b9c24u, "hf_llava_1_5", "llava-hf/llava-1.5-7b-hf, with generation marks"},
    Known{0xcdc533249d0ca836u, "hf_llava_1_5", "llava-hf/llava-1.5-7b-hf, without generation marks"},
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The first rule whose word is in the name wins; "v1.6-34b" therefore stands before "v1".
struct NameRule {
  std::string_view word, key, projector_only;  // the last: the row when the name says mmtag, or plain and not finetune
};

constexpr std::array kNameRules = {
    NameRule{"llama-2", "llava_llama_2", ""},
    NameRule{"mistral", "mistral_instruct", ""},
    NameRule{"v1.6-34b", "chatml_direct", ""},
    NameRule{"v1", "llava_v1", "v1_mmtag"},
    NameRule{"mpt", "mpt", ""},
    NameRule{"v0", "llava_v0", "v0_mmtag"},
};

}  // namespace

const Template& choose_template(const TemplateHints& hints, std::string* why) {
  const auto say = [&](const std::string& text) {
    if (why != nullptr) *why = text;
  };
  if (!hints.chat_template.empty()) {
    const uint64_t hash = hash_text(normal_text(hints.chat_template));
    for (const Known& known : kKnown) {
      if (known.hash != hash) continue;
      say(cat(known.key, ": the checkpoint's chat template is that of ", known.source));
      return find_template(known.key);
    }
  }
  const std::string unknown = hints.chat_template.empty() ? "" : " (its chat template is not one of the known ones)";
  std::string name = hints.name;
  std::transform(name.begin(), name.end(), name.begin(), lower);
  const auto says = [&](std::string_view word) { return name.find(word) != std::string::npos; };
  const bool projector_only = says("mmtag") || (says("plain") && !says("finetune"));
  for (const NameRule& rule : kNameRules) {
    if (!says(rule.word)) continue;
    const std::string_view key = projector_only && !rule.projector_only.empty() ? rule.projector_only : rule.key;
    say(cat(key, ": the name contains \"", rule.word, "\"", unknown));
    return find_template(key);
  }
  say(cat("llava_v1: the default, no rule knows this checkpoint", unknown));
  return find_template("llava_v1");
}

}  // namespace llava::core
