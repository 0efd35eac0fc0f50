#include "mistakes.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <vector>

namespace llava_cli {
namespace {

const CLI::App& innermost(const CLI::App& app) {
  const auto* at = &app;
  for (auto inner = at->get_subcommands(); !inner.empty(); inner = at->get_subcommands()) at = inner.front();
  return *at;
}

// Levenshtein's: letters to change, add or leave out.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const auto replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

// "; did you mean …?", or nothing where nothing is near
std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (const auto& name : known) {
    const auto far = distance(word, name);
    if (far < least) least = far, best = &name;
  }
  return best ? "; did you mean " + *best + '?' : "";
}

bool is_option(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && !std::isdigit(static_cast<unsigned char>(word[1]));
}

std::string unknown_option(const CLI::App& verb, const std::string& given, const std::string& place) {
  const auto word = given.substr(0, given.find('='));
  std::vector<std::string> names;
  for (const auto* option : verb.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return word + " is no option of " + place + suggestion(word, names);
}

}  // namespace

std::string reached_verb(const CLI::App& app) {
  std::string words = app.get_name();
  for (const auto* at = &app; at != &innermost(app);) {
    at = at->get_subcommands().front();
    words += ' ' + at->get_name();
  }
  return words;
}

std::string unknown_word(const CLI::App& app) {
  const auto& verb = innermost(app);
  const auto words = app.remaining(true);
  if (words.empty()) return "";
  const auto place = reached_verb(app);
  const auto verbs = verb.get_subcommands([](const CLI::App*) { return true; });
  const auto option = std::find_if(words.begin(), words.end(), is_option);
  if (!verbs.empty() && !is_option(words.front())) {
    std::vector<std::string> names;
    for (const auto* one : verbs) names.push_back(one->get_name());
    return '"' + words.front() + "\" is no verb of " + place + suggestion(words.front(), names);
  }
  if (option != words.end()) return unknown_option(verb, *option, place);
  return '"' + words.front() + "\" is one word too many for " + place;
}

}  // namespace llava_cli
