// What the verbs share: where a model runs, how pictures are named, Ctrl-C.
#pragma once

#include <CLI/CLI.hpp>
#include <llava/llava.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "failure.hpp"

namespace llava_cli {

/// MODEL --device --dtype --threads --context --template --vision-tower --projector --adapter --tile-rule --verify
/// --no-pickle --no-mmap.
struct ModelArguments {
  std::string path;
  std::string device = "auto";
  std::string dtype = "auto";
  std::string template_name;  // "" = the checkpoint's; "none" = prompts as they are
  std::string vision_tower, projector;
  std::string adapter;  // DIR or DIR=SCALE
  std::string tile_rule = "auto";
  int64_t context = 0;
  int32_t threads = 0;  // 0 = as many as LibTorch chooses
  bool verify = false, no_pickle = false, no_mmap = false;
};
void add_model_arguments(CLI::App& verb, ModelArguments& arguments);

/// --vision-tower, --projector.
void add_parts(CLI::App& verb, std::string& vision_tower, std::string& projector);

/// What the arguments say, without a progress callback.
llava::LoadOptions load_options(const ModelArguments& arguments);

/// "DIR" or "DIR=0.5": the folder, and the scale (1 when none is given). A folder that is there is taken as it is, whatever
/// signs its name has.
struct AdapterArgument {
  std::string folder;
  float scale = 1;
};
AdapterArgument parse_adapter(const std::string& text);

/// "auto", "f32", "f16", "bf16".
llava::Dtype dtype_named(const std::string& name);

/// A line on stderr that grows; silent when stderr is no terminal or the work takes less than half a second.
class ProgressBar {
 public:
  ProgressBar();
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  bool operator()(const llava::LoadProgress& progress);

 private:
  bool terminal_ = false;
  bool written_ = false;
  std::chrono::steady_clock::time_point start_, shown_;
};

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
/// The token that a second Ctrl-C cancels, for work that ends in order at the first; from now on SIGTERM is a Ctrl-C too.
const llava::Cancel& second_interrupt_token();
/// Forgets an earlier Ctrl-C.
void reset_interrupt();

/// "500M" -> bytes, with K, M, G for powers of 1000; throws UsageError.
int64_t parse_bytes(const std::string& text, const char* option);

/// "1,2,-200,3" -> ids; throws UsageError naming the piece that is no number.
std::vector<int32_t> parse_ids(const std::string& text);

/// "13=-5" -> token id and what is added to its logit; throws UsageError.
std::pair<int32_t, float> parse_bias(const std::string& text);

/// A prompt with "<image>" marks and one picture for each, as a message of text and image parts. Throws UsageError when
/// the counts differ. Only the template "none" is used like this.
llava::Message marked_message(const std::string& prompt, const std::vector<llava::Image>& images);

/// Pictures first, then the text: the usual question.
llava::Message question(const std::string& text, const std::vector<llava::Image>& images);

}  // namespace llava_cli
