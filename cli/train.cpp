// `llava train`: a stage, from records to a model. Flags, --config and --set all name fields of llava_train_options.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common.hpp"
#include "for_cards.hpp"
#include "plot.hpp"
#include "train_progress.hpp"
#include "verbs.hpp"

namespace llava_cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kNamed = 10;  // unusable records in a plan

struct Flag {
  const char* name;
  const char* field;  // of llava_train_options
  bool is_text;
  const char* help;
};

constexpr Flag kFlags[] = {
    {"--data", "data", true, "LLaVA's JSON list of conversations, or JSONL"},
    {"--images", "image_root", true,
     "folder the paths of pictures are relative to, in every file; default: the file's own"},
    {"--out", "out_dir", true, "folder of the run, and of the model that comes out"},
    {"--preset", "preset", true, "llava-1.5 (default), llava-1.5-lora, llava-1.5-qlora, llava-v0, scienceqa, custom"},
    {"--batch", "batch", false, "samples of a step"},
    {"--micro-batch", "micro_batch", false, "samples that go through the model together"},
    {"--lr", "lr", false, "peak learning rate"},
    {"--projector-lr", "projector_lr", false, "of the projector; default: --lr"},
    {"--vision-lr", "vision_lr", false, "of the vision tower, where --train takes it in"},
    {"--lora-r", "lora_r", false, "rank of a LoRA; the result is an adapter"},
    {"--base-bits", "base_bits", true, "4: frozen weights beside a LoRA in four bits (QLoRA); 16: as stored"},
    {"--lora-alpha", "lora_alpha", false, "its products count alpha / r"},
    {"--lora-dropout", "lora_dropout", false, "of its inputs"},
    {"--lora-targets", "lora_targets", true, "matrices, as q_proj,v_proj; default: all of the language model"},
    {"--device", "device", true,
     "cpu (default), cuda:0, or cuda: each process of a machine takes the card of its number"},
    {"--dtype", "dtype", true,
     "f32, or bf16: weights rounded for what they are multiplied with; default: bf16 on a card"},
    {"--recompute", "recompute", true, "none, cheap, full: what is computed twice to save memory"},
    {"--weight-decay", "weight_decay", false, "of matrices"},
    {"--clip", "clip", false, "largest norm of a gradient; 0: no bound"},
    {"--schedule", "schedule", true, "cosine, linear, constant, wsd (the peak, then down over the last --decay-ratio)"},
    {"--decay-ratio", "decay_ratio", false, "of --schedule wsd: steps over which it goes down, of all; default: 0.1"},
    {"--loss-mean", "loss_mean", true, "group (micro-batches alike, as published) or global (tokens alike)"},
    {"--sum-order", "sum_order", true,
     "how micro-batches' gradients are added up: tree, or chain (less memory, other last digits)"},
    {"--epochs", "epochs", false, "times the data are seen"},
    {"--steps", "steps", false, "length of the run, instead of --epochs"},
    {"--order", "order", true, "sequential, shuffled, grouped, upstream"},
    {"--seed", "seed", false, "of orders and draws"},
    {"--max-length", "max_length", false, "positions of a sample, pictures counted; 0: the model's context"},
    {"--template", "template_name", true, "conversation template; default: the preset's"},
    {"--train", "learns", true, "regular expression over the names of the parameters that learn"},
    {"--labels", "labels", true, "what is learned: spans, or upstream (the original's rules)"},
    {"--image-place", "image_place", true, "the first picture: first, as-written, random"},
    {"--image-aspect-ratio", "image_aspect_ratio", true,
     "pad (to a square) or square (crop); default: as the model's files say, else the preset's"},
    {"--save-every", "save_every", false, "steps between snapshots; 0: at the end and when stopped"},
    {"--keep", "keep", false, "snapshots that are kept"},
    {"--nproc", "nproc", false, "processes that train together; default: as torchrun, mpirun or srun say, else 1"},
    {"--zero", "zero", false,
     "what each process holds its share of alone: 0 nothing, 1 the optimizer's state, 2 and gradients, 3 and what "
     "learns"},
    {"--deterministic", "deterministic", true, "on: the same bits on any number of processes; off; auto"},
    {"--resume", "resume", true, "auto (go on where the run stopped), never, or the folder of a snapshot"},
    {"--eval", "eval_data", true, "held-out records"},
    {"--eval-every", "eval_every", false, "steps between evaluations; 0: at the end"},
    {"--answer-every", "answer_every", false, "steps after which a few questions are asked; 0: never"},
    {"--answers", "answer_data", true, "records with these questions, the first three; default: --eval"},
    {"--skip-bad", "skip_bad", false, "records that may be unusable: named and left out; -1: any number"},
    {"--skip-diverged", "skip_diverged", false, "steps in a row that may be left out for a loss that is no number"},
    {"--loader-threads", "loader_threads", false, "that decode pictures ahead"},
    {"--vision-tower", "vision_tower", true, "folder of the CLIP tower, instead of the one the checkpoint names"},
    {"--projector", "projector", true, "file with a projector, instead of the checkpoint's"},
    {"--new-projector", "new_projector", true, "mlp2x_gelu or linear: begin with one that has learned nothing"},
};

struct Arguments {
  std::string model, config, warmup;
  int32_t stage = 1, threads = 0;
  std::vector<std::string> sets;
  std::vector<std::string> values = std::vector<std::string>(std::size(kFlags));
  bool outside = false, tensorboard = false, projector_file = false, torch_files = false, save_async = false,
       plan = false, plot = false, json = false;
};

// A number as it is, anything else as a text.
Json value_of(const std::string& text) {
  auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return json.is_discarded() ? Json(text) : json;
}

Json number_of(const std::string& text, const std::string& flag) {
  auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_number()) throw UsageError(flag + ": \"" + text + "\" is no number");
  return json;
}

Json read_config(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw FileError(path + ": cannot be read");
  auto json = Json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw FileError(path + ": is no JSON object, expected {\"lr\": 2e-5, …}");
  return json;
}

// Below 1 a share of all steps, else a number of steps.
void set_warmup(Json& fields, const std::string& text) {
  const auto number = number_of(text, "--warmup");
  fields[number.get<double>() < 1 && number.get<double>() > 0 ? "warmup_ratio" : "warmup_steps"] =
      number.get<double>() == 0 ? Json(0) : number;
}

llava::TrainOptions options_of(const Arguments& arguments, bool stage_given) {
  Json fields = arguments.config.empty() ? Json::object() : read_config(arguments.config);
  for (const auto& set : arguments.sets) {
    const auto sign = set.find('=');
    if (sign == std::string::npos) throw UsageError("--set: \"" + set + "\", expected key=value");
    fields[set.substr(0, sign)] = value_of(set.substr(sign + 1));
  }
  for (size_t i = 0; i < std::size(kFlags); ++i) {
    const auto& [name, field, is_text, help] = kFlags[i];
    const auto& text = arguments.values[i];
    if (!text.empty()) fields[field] = is_text ? Json(text) : number_of(text, name);
  }
  if (!arguments.warmup.empty()) set_warmup(fields, arguments.warmup);
  if (arguments.outside) fields["allow_outside"] = true;
  if (stage_given || !fields.contains("stage")) fields["stage"] = arguments.stage;
  if (arguments.tensorboard) fields["tensorboard"] = true;
  if (!fields.contains("nproc")) fields["nproc"] = 0;
  if (arguments.projector_file) fields["projector_file"] = true;
  if (arguments.torch_files) fields["torch_files"] = true;
  if (arguments.save_async) fields["save_async"] = true;
  auto options = llava::TrainOptions::from_json(fields.dump());
  options.cancel = second_interrupt_token();
  return options;
}

std::string said(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void line(const std::string& name, const std::string& value) {
  std::cout << name << std::string(name.size() < 24 ? 24 - name.size() : 1, ' ') << value << '\n';
}

// Whether the memory is enough, and what would make it so.
void print_fit(const Json& plan) {
  line("memory_available", said(plan["memory_available"]));
  const std::string where = plan.contains("device_memory") ? " (the host; of the card nothing is known here)" : "";
  line("fits", (plan["fits"] == true ? "yes" : "no") + where);
  for (const auto& advice : plan["advice"]) {
    std::string names;
    for (const auto& [name, value] : advice["settings"].items())
      names += (names.empty() ? "" : ", ") + name + " " + said(value);
    line("  with " + names, said(advice["total"]) + (advice["fits"] == true ? ", fits" : ", does not fit") +
                                "; changes " + said(advice["changes"]));
  }
}

void print_plan(const Json& plan) {
  size_t told = 0;
  for (const auto& bad : plan["bad"])
    if (told++ < kNamed) std::cout << said(bad["problem"]) << ": " << said(bad["message"]) << '\n';
  if (told > kNamed) std::cout << "and " << told - kNamed << " more; llava data check names them all\n";
  for (const char* name : {"preset", "records", "usable", "steps_per_epoch", "steps", "warmup_steps", "parameters",
                           "learning", "added", "learning_tensors", "snapshot_bytes"})
    line(name, said(plan[name]));
  const auto& tokens = plan["tokens"];
  line("positions", "total " + said(tokens["total"]) + ", median " + said(tokens["median"]) + ", longest " +
                        said(tokens["longest"]));
  line("longest_record", said(plan["longest_record"]));
  if (plan["cut"] != 0) line("cut", said(plan["cut"]) + cut_names(plan));
  if (plan["text_only"] != 0) line("without_picture", said(plan["text_only"]));
  for (const std::string memory : {"memory", "device_memory"})
    if (plan.contains(memory))
      for (const auto& [name, value] : plan[memory].items()) line(memory + "." + name, said(value));
  print_fit(plan);
  for (const auto& warning : plan["warnings"]) line("warning", said(warning));
  if (plan["steps"] > plan["estimate_after_steps"])
    line("time", "known after " + said(plan["estimate_after_steps"]) +
                     " steps: the run says it then; stop it with Ctrl-C, nothing is lost");
  for (const auto& [name, value] : plan["settings"].items()) line("settings." + name, said(value));
}

void run_plan(const Arguments& arguments, llava::TrainOptions options) {
  options.cancel = interrupt_token();
  const auto text = llava::train_plan(arguments.model, options).json();
  const auto plan = Json::parse(text);
  if (arguments.json)
    std::cout << text << '\n';
  else
    print_plan(plan);
  if (plan["unusable"] != 0 && options.skip_bad == 0) throw CLI::RuntimeError(kInput);
}

void print_report(const Json& report) {
  std::cout << "step " << report["step"] << " of " << report["steps"];
  for (const char* name : {"first_loss", "last_loss", "eval_loss"})
    if (report.contains(name)) std::cout << ", " << name << ' ' << report[name];
  std::cout << "\n" << duration_text(report["seconds"]) << ", " << report["samples"] << " samples";
  if (report["diverged"] != 0) std::cout << ", " << report["diverged"] << " steps left out";
  if (report["skipped"] != 0) std::cout << ", " << report["skipped"] << " records left out";
  if (report["cut"] != 0)
    std::cout << ", " << report["cut"] << " samples cut to " << report["settings"]["max_length"] << " positions";
  std::cout << '\n';
}

// False when it was stopped; there is no report then.
bool launch(const Arguments& arguments, llava::TrainOptions options, llava::Report& report) {
  options.cancel = interrupt_token();  // also where no event comes
  options.abandon = second_interrupt_token();
  try {
    report = llava::train_launch(arguments.model, options);
    return true;
  } catch (const llava::Error& error) {
    if (error.code() != LLAVA_ERR_CANCELLED) throw;
    return false;
  }
}

// What opens an adapter: the model is put together as it was for the run.
std::string chat_command(const std::string& model, const llava::TrainOptions& options) {
  std::string command = "llava chat " + model;
  if (!options.vision_tower.empty()) command += " --vision-tower " + options.vision_tower;
  if (!options.projector.empty()) command += " --projector " + options.projector;
  if (!options.new_projector.empty()) command += " --projector " + options.out_dir + "/mm_projector.safetensors";
  return command + " --adapter " + options.out_dir;
}

void run_train(const Arguments& arguments, bool stage_given) {
  auto options = options_of(arguments, stage_given);
  if (arguments.threads > 0) llava::set_threads(arguments.threads);
  if (arguments.plan) return run_plan(arguments, options);
  prepare_for_cards();
  if (options.data.empty()) throw UsageError("--data is required");
  if (options.out_dir.empty()) throw UsageError("--out is required");
  bool through = false;
  llava::Report report;
  {
    TrainProgress progress;
    bool told = false;
    options.event = [&](const std::string& event) {
      progress.show(nlohmann::json::parse(event));
      const bool stop = interrupt_token().is_cancelled();
      if (stop && !told) progress.say("stops after this step and saves; Ctrl-C once more stops at once");
      told = told || stop;
      return !stop;
    };
    if (options.nproc > 1) {
      through = launch(arguments, options, report);
    } else {
      const llava::Trainer trainer(arguments.model, options);
      through = trainer.run(INT64_MAX);
      report = trainer.report();
    }
  }
  if (!through && !report) {
    complain("stopped; the same command goes on from here");
    throw CLI::RuntimeError(kStopped);
  }
  const auto found = Json::parse(report.json());
  if (found["rank"] != 0) return;  // the first speaks for all
  const bool adapter = found["settings"]["lora_r"] != 0;
  if (arguments.plot) plot_losses(options.out_dir);
  if (arguments.json)
    std::cout << report.json() << '\n';
  else
    print_report(found);
  if (!through) {
    complain("stopped; the same command goes on from here");
    throw CLI::RuntimeError(kStopped);
  }
  if (arguments.json) return;
  std::cout << (adapter ? "the adapter is " : "the model is ") << options.out_dir << '\n';
  if (adapter) std::cout << "open it with: " << chat_command(arguments.model, options) << '\n';
}

// Other options help than when a question is asked.
void train_or_explain(const Arguments& arguments, bool stage_given) {
  try {
    run_train(arguments, stage_given);
  } catch (const llava::Error& error) {
    std::cout << std::flush;
    complain(explain_training(error));
    throw CLI::RuntimeError(exit_code(error));
  }
}

}  // namespace

void add_train(CLI::App& app) {
  auto* verb = app.add_subcommand("train", "a stage of visual instruction tuning: records and a model to a model");
  auto shared = std::make_shared<Arguments>();
  verb->add_option("MODEL", shared->model, "model folder to start from")->required();
  auto* stage = verb->add_option("--stage", shared->stage, "1: the projector learns; 2: the language model too")
                    ->check(CLI::IsMember({1, 2}))
                    ->capture_default_str();
  for (size_t i = 0; i < std::size(kFlags); ++i)
    verb->add_option(kFlags[i].name, shared->values[i], kFlags[i].help)->take_last();
  verb->add_option("--warmup", shared->warmup, "below 1: share of the steps; else: steps; 0: none");
  verb->add_flag("--allow-outside", shared->outside, "pictures may lie outside of their folder");
  verb->add_flag("--tensorboard", shared->tensorboard, "event files below OUT/tensorboard");
  verb->add_flag("--projector-file", shared->projector_file, "mm_projector.safetensors beside the model");
  verb->add_flag("--torch-files", shared->torch_files,
                 "mm_projector.bin beside the model; with a LoRA non_lora_trainables.bin: for the original's loader");
  verb->add_flag("--save-async", shared->save_async, "snapshots are written while the run goes on");
  verb->add_option("--config", shared->config, "JSON of option fields; flags and --set win");
  verb->add_option("--set", shared->sets, "key=value: any field of llava_train_options, as beta2=0.95");
  verb->add_option("--threads", shared->threads, "of the arithmetic; 0: chosen")->check(CLI::NonNegativeNumber);
  verb->add_flag("--plan", shared->plan, "say what the run would do, and do nothing");
  verb->add_flag("--plot", shared->plot, "draw OUT/loss.svg at the end");
  verb->add_flag("--json", shared->json, "the report as one JSON object");
  verb->footer(
      "Ctrl-C (or SIGTERM) finishes the step, saves and ends with 5; the same command goes on.\n"
      "Exit codes: 0 the run is through; 1 it diverged or failed inside; 2 usage, or other settings than the run in "
      "OUT "
      "has; 3 a record, picture, file or folder; 4 a limit or memory; 5 stopped, resumable; 6 another process works in "
      "OUT; 7 a process of the run was lost: the same command goes on from the last snapshot.");
  verb->callback([shared, stage] { train_or_explain(*shared, stage->count() > 0); });
}

}  // namespace llava_cli
