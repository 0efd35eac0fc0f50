// Opening models and pictures, numbers from text, Ctrl-C.
#include "common.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "numbers.hpp"

namespace llava_cli {
namespace {

llava_cancel* interrupt_handle = nullptr;  // read by the signal handler
llava_cancel* second_handle = nullptr;
volatile sig_atomic_t interrupts = 0;

void on_interrupt(int) {
  if (interrupts > 0 && second_handle) llava_cancel_cancel(second_handle);
  interrupts = interrupts + 1;
  if (interrupt_handle) llava_cancel_cancel(interrupt_handle);
}

void hear(int signal) {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a waiting read ends
  sigaction(signal, &action, nullptr);
}

}  // namespace

llava::Dtype dtype_named(const std::string& name) {
  if (name == "f32") return llava::Dtype::f32;
  if (name == "f16") return llava::Dtype::f16;
  if (name == "bf16") return llava::Dtype::bf16;
  return llava::Dtype::automatic;
}

bool ProgressBar::operator()(const llava::LoadProgress& progress) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || now - start_ < std::chrono::milliseconds(500) || now - shown_ < std::chrono::milliseconds(100))
    return true;
  shown_ = now;
  const int percent = progress.bytes_total > 0 ? static_cast<int>(100 * progress.bytes_done / progress.bytes_total) : 0;
  std::cerr << "\r\033[K" << progress.phase << ' ' << percent << " % " << progress.item << std::flush;
  written_ = true;
  return true;
}

ProgressBar::ProgressBar() : terminal_(isatty(STDERR_FILENO) != 0), start_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() {
  if (written_) std::cerr << "\r\033[K" << std::flush;
}

void add_model_arguments(CLI::App& verb, ModelArguments& arguments) {
  verb.add_option("MODEL", arguments.path,
                  "model folder: Hugging Face's or the original layout, or a language model with --projector")
      ->required();
  verb.add_option("--device", arguments.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  verb.add_option("--dtype", arguments.dtype, "of the weights: auto (as stored), f32, bf16, f16")
      ->check(CLI::IsMember({"auto", "f32", "bf16", "f16"}))
      ->capture_default_str();
  verb.add_option("--template", arguments.template_name, "conversation template; none: prompts as they are");
  verb.add_option("--context", arguments.context, "most positions; 0: the model's")->check(whole_number(0));
  add_parts(verb, arguments.vision_tower, arguments.projector);
  verb.add_option("--adapter", arguments.adapter,
                  "folder of a LoRA (adapter_config.json) beside the model; DIR=0.5: at this scale");
  verb.add_option("--tile-rule", arguments.tile_rule,
                  "whose rule cuts pictures into tiles (LLaVA-NeXT): auto (the layout's), original, hf (transformers')")
      ->check(CLI::IsMember({"auto", "original", "hf"}))
      ->capture_default_str();
  verb.add_option("--threads", arguments.threads, "threads of one operation; 0: chosen")->check(small_number(0));
  verb.add_flag("--verify", arguments.verify, "look for NaN and infinity in every weight before anything is computed");
  verb.add_flag("--no-pickle", arguments.no_pickle, "refuse torch's files (.bin): safetensors alone are read");
  verb.add_flag(
      "--no-mmap", arguments.no_mmap,
      "read the weights into memory of the process instead of mapping them: takes as much as their files are large, "
      "and the files may change meanwhile");
}

void add_parts(CLI::App& verb, std::string& vision_tower, std::string& projector) {
  verb.add_option("--vision-tower", vision_tower, "folder of the CLIP tower, instead of the one the checkpoint names");
  verb.add_option("--projector", projector, "file with a projector (mm_projector), instead of the checkpoint's");
}

AdapterArgument parse_adapter(const std::string& text) {
  AdapterArgument argument{text, 1};
  const auto sign = text.rfind('=');
  std::error_code absent;
  if (sign == std::string::npos || std::filesystem::exists(text, absent)) return argument;
  const auto number = text.substr(sign + 1);
  const auto* end = number.data() + number.size();
  const auto result = std::from_chars(number.data(), end, argument.scale);
  if (result.ec != std::errc() || result.ptr != end)
    throw UsageError("--adapter: \"" + number + "\" after the = is no scale; expected DIR or DIR=0.5");
  argument.folder = text.substr(0, sign);
  return argument;
}

llava::LoadOptions load_options(const ModelArguments& arguments) {
  llava::LoadOptions options;
  options.device = arguments.device == "auto" ? "" : arguments.device;
  options.dtype = dtype_named(arguments.dtype);
  options.template_name = arguments.template_name == "none" ? "" : arguments.template_name;
  options.max_context = arguments.context;
  options.verify = arguments.verify;
  options.allow_pickle = !arguments.no_pickle;
  options.no_mmap = arguments.no_mmap;
  options.vision_tower = arguments.vision_tower;
  options.projector = arguments.projector;
  const auto adapter = parse_adapter(arguments.adapter);
  options.adapter = adapter.folder;
  options.adapter_scale = adapter.scale;
  if (arguments.tile_rule != "auto")
    options.tile_rule = arguments.tile_rule == "hf" ? llava::TileRule::hf : llava::TileRule::original;
  options.cancel = interrupt_token();
  return options;
}

llava::Model open_model(const ModelArguments& arguments) {
  if (arguments.threads > 0) llava::set_threads(arguments.threads);
  ProgressBar bar;
  auto options = load_options(arguments);
  options.progress = [&bar](const llava::LoadProgress& progress) { return bar(progress); };
  return llava::load(arguments.path, options);
}

llava::Image open_image(const std::string& path) {
  for (const char* scheme : {"http://", "https://"})
    if (path.rfind(scheme, 0) == 0)
      throw llava::Error(LLAVA_ERR_UNSUPPORTED,
                         path + ": a picture of the net is not fetched; save it and name the file", "");
  if (path != "-") return llava::Image(path);
  const auto bytes = read_standard_input();
  return llava::Image::from_memory(bytes.data(), bytes.size());
}

std::string read_standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

void check_standard_input(const std::vector<std::string>& pictures, const std::string& prompt) {
  if (std::count(pictures.begin(), pictures.end(), "-") + (prompt == "-") > 1)
    throw UsageError("standard input (-) can be read once: name a file for the pictures but one");
}

std::string prompt_text(const std::string& argument) {
  if (argument != "-") return argument;
  auto text = read_standard_input();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

const llava::Cancel& interrupt_token() {
  static const llava::Cancel token = [] {
    auto created = llava::Cancel::create();
    interrupt_handle = created.get();
    hear(SIGINT);
    return created;
  }();
  return token;
}

const llava::Cancel& second_interrupt_token() {
  interrupt_token();
  static const llava::Cancel token = [] {
    auto created = llava::Cancel::create();
    second_handle = created.get();
    hear(SIGTERM);
    return created;
  }();
  return token;
}

void reset_interrupt() {
  interrupts = 0;
  interrupt_token().reset();
}

int64_t parse_bytes(const std::string& text, const char* option) {
  int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number);
  const std::string unit(result.ptr, end);
  const int64_t factor = unit.empty() ? 1 : unit == "K" ? 1000 : unit == "M" ? 1000000 : unit == "G" ? 1000000000 : 0;
  if (result.ec != std::errc() || factor == 0 || number < 1 || number > INT64_MAX / factor)
    throw UsageError(std::string(option) + ": \"" + text + "\" is no size; expected a number, or 500M, 5G");
  return number * factor;
}

std::vector<int32_t> parse_ids(const std::string& text) {
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    int32_t id = 0;
    const auto* first = text.data() + begin;
    const auto result = std::from_chars(first, text.data() + end, id);
    if (result.ec != std::errc() || result.ptr != text.data() + end)
      throw UsageError("--ids: \"" + text.substr(begin, end - begin) +
                       "\" is no token id; expected numbers as in 1,2,-200,3");
    ids.push_back(id);
    begin = end + 1;
  }
  return ids;
}

std::pair<int32_t, float> parse_bias(const std::string& text) {
  std::pair<int32_t, float> bias;
  const auto* end = text.data() + text.size();
  const auto id = std::from_chars(text.data(), end, bias.first);
  const bool has_amount = id.ec == std::errc() && id.ptr != end && *id.ptr == '=';
  const auto amount = std::from_chars(has_amount ? id.ptr + 1 : end, end, bias.second);
  if (amount.ec != std::errc() || amount.ptr != end)
    throw UsageError("--bias: \"" + text + "\" is no token id and amount; expected ID=AMOUNT, as 13=-5");
  return bias;
}

llava::Message marked_message(const std::string& prompt, const std::vector<llava::Image>& images) {
  const std::string mark = "<image>";
  llava::Message message(llava::Role::user);
  size_t begin = 0, used = 0;
  for (size_t found; (found = prompt.find(mark, begin)) != std::string::npos; begin = found + mark.size()) {
    if (found > begin) message.add(std::string_view(prompt).substr(begin, found - begin));
    if (used == images.size())
      throw UsageError("the prompt has more <image> marks than the " + std::to_string(used) + " pictures given");
    message.add(images[used++]);
  }
  if (begin < prompt.size()) message.add(std::string_view(prompt).substr(begin));
  if (used != images.size())
    throw UsageError("the prompt has " + std::to_string(used) + " <image> marks, " + std::to_string(images.size()) +
                     " pictures were given");
  return message;
}

llava::Message question(const std::string& text, const std::vector<llava::Image>& images) {
  llava::Message message(llava::Role::user);
  for (const auto& image : images) message.add(image);
  message.add(text);
  return message;
}

}  // namespace llava_cli
