// The verbs of `llava`: each adds itself to the command line and is run when it was named.
#pragma once

#include <CLI/CLI.hpp>

namespace llava_cli {

void add_chat(CLI::App& app);      // chat.cpp, interactive.cpp
void add_info(CLI::App& app);      // info.cpp
void add_convert(CLI::App& app);   // convert.cpp: convert, merge-delta, merge-lora
void add_data(CLI::App& app);      // data.cpp: data check
void add_train(CLI::App& app);     // train.cpp, train_progress.cpp, plot.cpp
void add_research(CLI::App& app);  // research.cpp: tokens, pixels, features, logits
void add_bench(CLI::App& app);     // bench.cpp
void add_show(CLI::App& app);      // show.cpp

}  // namespace llava_cli
