// What the verbs share: where a model runs, how pictures are named, Ctrl-C.
#pragma once

#include <CLI/CLI.hpp>
#include <llava/llava.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "failure.hpp"

namespace llava_cli {

/// MODEL --device --dtype --threads --context --template --verify.
struct ModelArguments {
  std::string path;
  std::string device = "auto";
  std::string dtype = "auto";
  std::string template_name;  // "" = the checkpoint's; "none" = prompts as they are
  int64_t context = 0;
  int32_t threads = 0;  // 0 = as many as LibTorch chooses
  bool verify = false;
};
void add_model_arguments(CLI::App& verb, ModelArguments& arguments);

/// Loads with a progress bar when stderr is a terminal and it takes longer than a moment.
llava::Model open_model(const ModelArguments& arguments);

/// A picture file; "-" reads standard input.
llava::Image open_image(const std::string& path);

/// All of standard input, for `--prompt -`.
std::string read_standard_input();
std::string prompt_text(const std::string& argument);

/// Throws UsageError when more than one of these is "-": standard input can be read once.
void check_standard_input(const std::vector<std::string>& pictures, const std::string& prompt);

/// The token that Ctrl-C cancels. The handler is installed by the first call.
const llava::Cancel& interrupt_token();
/// Forgets an earlier Ctrl-C.
void reset_interrupt();

/// "1,2,-200,3" -> ids; throws UsageError naming the piece that is no number.
std::vector<int32_t> parse_ids(const std::string& text);

/// A prompt with "<image>" marks and one picture for each, as a message of text and image parts. Throws UsageError when
/// the counts differ. Only the template "none" is used like this.
llava::Message marked_message(const std::string& prompt, const std::vector<llava::Image>& images);

/// Pictures first, then the text: the usual question.
llava::Message question(const std::string& text, const std::vector<llava::Image>& images);

}  // namespace llava_cli
