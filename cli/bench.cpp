// `llava bench`: load, encode, prefill, decode and memory of a model, beside what the machine's memory can deliver.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common.hpp"
#include "numbers.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

using Json = nlohmann::ordered_json;

double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

template <typename Call>
double median_ms(int runs, Call&& call) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const double begin = now_ms();
    call();
    times.push_back(now_ms() - begin);
  }
  return median(times);
}

int64_t peak_bytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

llava::Image plain_picture(int side) {
  std::vector<uint8_t> rgb(static_cast<size_t>(side) * static_cast<size_t>(side) * 3);
  for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(i * 31 % 251);
  return llava::Image::from_pixels(rgb.data(), side, side, 3 * side, llava::PixelFormat::rgb24);
}

struct Arguments {
  ModelArguments model;
  int32_t prompt = 512, tokens = 32, runs = 5;
  bool fitted = true;  // no length was asked for: a shorter prompt will do where the context is small
  bool json = false;
};

constexpr int32_t kDecodePrompt = 16;  // positions before the first decoded token

// As long as asked, or as fits when nothing was asked.
std::vector<int32_t> prompt_ids(const Arguments& arguments, const llava_limits& limits) {
  const int64_t prompt = arguments.fitted ? std::min(arguments.prompt, limits.context) : arguments.prompt;
  const int64_t decoding = int64_t{kDecodePrompt} + arguments.tokens;
  if (std::max(prompt, decoding) > limits.context)
    throw UsageError("--prompt-tokens " + std::to_string(prompt) + " and --tokens " + std::to_string(arguments.tokens) +
                     " (after " + std::to_string(kDecodePrompt) + ") do not fit the context of " +
                     std::to_string(limits.context) + " positions");
  std::vector<int32_t> ids(static_cast<size_t>(prompt));
  const size_t words = static_cast<size_t>(limits.vocabulary) / 2 + 1;  // the mark of a picture lies in the upper half
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>((i * 17 + 3) % words);
  return ids;
}

double decode_tokens_per_second(const llava::Model& model, const std::vector<int32_t>& ids, int32_t tokens) {
  llava::SessionOptions settings;
  settings.template_name = "none";
  llava::Session session(model, settings);
  session.append_ids(std::vector<int32_t>(ids.begin(), ids.begin() + std::min<size_t>(ids.size(), kDecodePrompt)));
  llava::ChatOptions options;
  options.temperature = 0;
  options.ignore_eos = true;
  options.max_tokens = tokens;
  return session.answer(options).usage().tokens_per_second;
}

Json measure(const Arguments& arguments) {
  const auto before = peak_bytes();
  const double begin = now_ms();
  const auto model = open_model(arguments.model);
  const double load_ms = now_ms() - begin;
  llava::ForwardOptions last;
  last.last_only = true;
  const double first_ms = median_ms(1, [&] { model.forward(std::vector<int32_t>{1}, {}, last); });
  const double second_ms = median_ms(1, [&] { model.forward(std::vector<int32_t>{1}, {}, last); });
  const auto loaded = peak_bytes();
  const auto limits = model.limits();
  const auto ids = prompt_ids(arguments, limits);
  const auto picture = plain_picture(limits.image_size);
  model.encode(picture);  // the first call of each kind is not counted
  model.forward(ids, {}, last);
  const double encode_ms = median_ms(arguments.runs, [&] { model.encode(picture); });
  const double prefill_ms = median_ms(arguments.runs, [&] { model.forward(ids, {}, last); });
  std::vector<double> rates;
  for (int i = 0; i < arguments.runs; ++i) rates.push_back(decode_tokens_per_second(model, ids, arguments.tokens));
  const auto peak = peak_bytes();
  return {{"load_ms", load_ms},
          {"first_token_ms", first_ms},
          {"second_token_ms", second_ms},
          {"loaded_bytes", loaded - before},
          {"encode_ms", encode_ms},
          {"prefill_tokens", ids.size()},
          {"prefill_tokens_per_s", static_cast<double>(ids.size()) / prefill_ms * 1000},
          {"decode_tokens_per_s", median(rates)},
          {"peak_bytes", peak},
          {"threads", llava::device_info(0).threads},
          {"read_bandwidth_bytes_per_s", llava::device_bandwidth()}};
}

void print_table(const Json& json) {
  const auto row = [](const char* what, double value, const char* unit) {
    std::cout << std::left << std::setw(18) << what << ' ' << std::right << std::setw(12) << std::fixed
              << std::setprecision(2) << value << ' ' << unit << '\n';
  };
  row("load", json["load_ms"], "ms");
  row("first token", json["first_token_ms"], "ms after the load");
  row("second token", json["second_token_ms"], "ms");
  row("encode a picture", json["encode_ms"], "ms");
  row("prefill", json["prefill_tokens_per_s"], "tokens/s");
  row("decode", json["decode_tokens_per_s"], "tokens/s");
  row("peak memory", json["peak_bytes"].get<double>() * 1e-9, "GB");
  row("memory reads", json["read_bandwidth_bytes_per_s"].get<double>() * 1e-9, "GB/s (this machine)");
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* verb = app.add_subcommand("bench", "how fast a model is here: load, encode, prefill, decode, memory");
  auto arguments = std::make_shared<Arguments>();
  add_model_arguments(*verb, arguments->model);
  verb->add_option("--prompt-tokens", arguments->prompt,
                   "length of the prompt; default: 512, or what the context holds")
      ->check(whole_number(1));
  verb->add_option("--tokens", arguments->tokens, "tokens to decode")
      ->check(whole_number(2, 100000))
      ->capture_default_str();
  verb->add_option("--runs", arguments->runs, "runs of each; the median is shown")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  verb->add_flag("--json", arguments->json, "one JSON object");
  verb->footer(
      "The first and the second token are passes over one id each, right after the load: what the first takes longer, "
      "the "
      "load left to it. In JSON, loaded_bytes is what load and both tokens added to the most memory the process ever "
      "held.");
  verb->callback([verb, arguments] {
    arguments->fitted = verb->count("--prompt-tokens") == 0;
    const auto json = measure(*arguments);
    if (arguments->json)
      std::cout << json.dump() << '\n';
    else
      print_table(json);
  });
}

}  // namespace llava_cli
