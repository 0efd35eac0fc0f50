// `llava data check`: what a training file holds, and every record of it that cannot be used.
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common.hpp"
#include "numbers.hpp"
#include "train_progress.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kColumn = 24;  // where values begin

struct Arguments {
  std::string file, model, images, template_name;
  std::string labels = "spans", place = "first", pictures = "whole";
  int64_t max_length = 0, seed = 42;
  int32_t threads = 2;
  bool outside = false, json = false;
};

llava::DatasetOptions options_of(const Arguments& arguments, ProgressBar& bar) {
  llava::DatasetOptions options;
  if (arguments.labels == "upstream") options.labels = llava::Labels::upstream;
  if (arguments.place == "as-written") options.image_place = llava::ImagePlace::as_written;
  if (arguments.place == "random") options.image_place = llava::ImagePlace::random;
  if (arguments.pictures == "header") options.pictures = llava::PictureCheck::header;
  if (arguments.pictures == "skip") options.pictures = llava::PictureCheck::skip;
  options.allow_outside = arguments.outside;
  options.threads = arguments.threads;
  options.max_length = arguments.max_length;
  options.seed = arguments.seed;
  options.image_root = arguments.images;
  options.template_name = arguments.template_name;
  options.progress = [&bar](const llava::LoadProgress& progress) { return bar(progress); };
  options.cancel = interrupt_token();
  return options;
}

std::string said(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void print_line(const std::string& name, const std::string& value) {
  std::cout << std::left << std::setw(kColumn) << name << value << '\n';
}

std::string figures(const Json& counts) {
  return "total " + said(counts["total"]) + ", median " + said(counts["median"]) + ", 95 % up to " +
         said(counts["p95"]) + ", longest " + said(counts["longest"]);
}

/// "2: 150, 4: 50".
std::string counts(const Json& object) {
  std::string text;
  for (const auto& [what, count] : object.items()) text += (text.empty() ? "" : ", ") + what + ": " + count.dump();
  return text;
}

void print_report(const Json& report) {
  for (const auto& bad : report["bad"]) std::cout << said(bad["problem"]) << ": " << said(bad["message"]) << '\n';
  if (!report["bad"].empty()) std::cout << '\n';
  for (const char* name : {"file", "format", "bytes", "template", "labels", "image_place", "image_rows", "max_length",
                           "records", "usable", "unusable"})
    print_line(name, said(report[name]));
  if (!report["problems"].empty()) print_line("problems", counts(report["problems"]));
  print_line("pictures", said(report["pictures"]) + ", records of text alone " + said(report["text_only"]));
  print_line("tokens", figures(report["tokens"]));
  print_line("learned_tokens", figures(report["learned_tokens"]));
  print_line("longest_record", said(report["longest_record"]));
  print_line("turns", counts(report["turns"]));
  if (report["cut"] != 0) print_line("cut", said(report["cut"]) + cut_names(report));
  for (const char* name :
       {"upstream_mismatches", "without_id", "duplicate_ids", "answer_first", "empty_answers", "unanswered"})
    if (report[name] != 0) print_line(name, said(report[name]));
  if (!report["marks_said"].empty()) print_line("marks_said", counts(report["marks_said"]));
}

void run_check(const Arguments& arguments) {
  std::string text;
  {
    ProgressBar bar;
    text = llava::check_dataset_json(arguments.file, arguments.model, options_of(arguments, bar));
  }
  const auto report = Json::parse(text);
  if (arguments.json)
    std::cout << text << '\n';
  else
    print_report(report);
  if (report["unusable"] != 0) throw CLI::RuntimeError(kInput);
}

}  // namespace

void add_data(CLI::App& app) {
  auto* data = app.add_subcommand("data", "training data: data check");
  data->require_subcommand(1);
  auto shared = std::make_shared<Arguments>();
  auto* verb = data->add_subcommand(
      "check", "every record of a training file that cannot be used, and its figures; no weight is read");
  verb->add_option("FILE", shared->file, "LLaVA's JSON list of conversations, or JSONL")->required();
  verb->add_option("--model", shared->model, "model folder: its tokenizer, template and picture size decide")
      ->required();
  verb->add_option("--images", shared->images, "folder the paths of pictures are relative to; default: the file's");
  verb->add_option("--template", shared->template_name, "conversation template; default: the model's");
  verb->add_option("--max-length", shared->max_length, "positions of a sample, pictures included; 0: the model's")
      ->check(whole_number(0));
  verb->add_option("--labels", shared->labels, "what is learned: spans, or upstream (the original's rules)")
      ->check(CLI::IsMember({"spans", "upstream"}))
      ->capture_default_str();
  verb->add_option("--image-place", shared->place, "the first picture: first, as-written, random")
      ->check(CLI::IsMember({"first", "as-written", "random"}))
      ->capture_default_str();
  verb->add_option("--pictures", shared->pictures, "how closely they are looked at: whole (decoded), header, skip")
      ->check(CLI::IsMember({"whole", "header", "skip"}))
      ->capture_default_str();
  verb->add_flag("--allow-outside", shared->outside, "pictures may lie outside of their folder");
  verb->add_option("--seed", shared->seed, "of --image-place random")->capture_default_str();
  verb->add_option("--threads", shared->threads, "that read records and decode pictures")->capture_default_str();
  verb->add_flag("--json", shared->json, "one JSON object");
  verb->footer("Exit codes: 0 every record can be used; 3 some cannot, each is named; others as in llava --help.");
  verb->callback([shared] { run_check(*shared); });
}

}  // namespace llava_cli
