// `llava info`: what a model is, from its headers and small files; no weight is read.
#include <iostream>
#include <nlohmann/json.hpp>

#include "common.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kColumn = 40;  // where values begin

void print_lines(const Json& json, const std::string& before) {
  for (const auto& [key, value] : json.items()) {
    const auto name = before.empty() ? key : before + "." + key;
    if (value.is_object() || (value.is_array() && !value.empty() && value[0].is_object())) {
      print_lines(value, name);
    } else {
      std::cout << name << std::string(name.size() < kColumn ? kColumn - name.size() : 1, ' ')
                << (value.is_string() ? value.get<std::string>() : value.dump()) << '\n';
    }
  }
}

}  // namespace

void add_info(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "info",
      "what a model is, without loading it: layout, sizes, memory, template and why, what is missing or not used; exit "
      "code 3 when it cannot be loaded, and what is known of it all the same");
  auto arguments = std::make_shared<ModelArguments>();
  auto json = std::make_shared<bool>(false);
  add_model_arguments(*verb, *arguments);
  verb->add_flag("--json", *json, "one JSON object");
  verb->callback([arguments, json] {
    const auto text = llava::plan_json(arguments->path, load_options(*arguments));
    const auto plan = Json::parse(text);
    if (*json)
      std::cout << text << '\n';
    else
      print_lines(plan, "");
    std::cout << std::flush;
    for (const auto& problem : plan["problems"]) complain("cannot be loaded: " + problem["message"].get<std::string>());
    if (!plan["problems"].empty()) throw CLI::RuntimeError(kInput);
  });
}

}  // namespace llava_cli
