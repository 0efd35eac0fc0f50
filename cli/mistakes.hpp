// Words on the command line that nothing takes.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace llava_cli {

/// `"chatt" is no verb of llava; did you mean chat?`, `--promt is no option of llava chat; did you mean --prompt?`: the
/// first word of a parsed command line that nothing took. "" when all were taken.
std::string unknown_word(const CLI::App& app);

/// The verb that was reached: "llava data check".
std::string reached_verb(const CLI::App& app);

}  // namespace llava_cli
