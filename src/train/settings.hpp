// Everything a training run is told: a published recipe (train/stages) with what the caller wants otherwise. The numeric
// settings decide the bits of the result and are the identity of a run; the others say where and when.
#pragma once

#include <cstdint>
#include <string>

#include "base/json_value.hpp"
#include "checkpoint/plan.hpp"
#include "data/order.hpp"
#include "data/sample.hpp"
#include "train/stepper.hpp"

namespace llava::core {

struct RunSettings {
  // The recipe
  std::string preset;  // its name
  int64_t stage = 1;
  std::string learns;         // regular expression over canonical names (train/stages)
  std::string template_name;  // conversation template
  double lr = 0;
  double projector_lr = 0, vision_lr = 0;  // 0 = lr
  double weight_decay = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  Schedule::Shape schedule = Schedule::Shape::cosine;
  double warmup_ratio = 0;
  double decay_ratio = -1;    // steps over which the schedule wsd goes down, of all; -1 = kDecayRatio
  int64_t warmup_steps = -1;  // -1 = by the ratio
  double clip = 0;            // 0 = none
  LossMean loss_mean = LossMean::group;
  SumOrder sum_order = SumOrder::tree;  // of the micro-batches' gradients
  int64_t batch = 0, micro_batch = 0;   // samples of a step, over all ranks, and of a leaf
  int64_t epochs = 1;
  int64_t steps = 0;       // of the whole run; 0 = by the epochs
  int64_t max_length = 0;  // positions of a sample, pictures counted
  OrderKind order = OrderKind::shuffled;
  uint64_t seed = 42;
  LabelRule labels = LabelRule::spans;
  ImagePlace image_place = ImagePlace::first;
  std::string image_aspect_ratio;  // "pad", "square"; "" = as the model's files say, else as the preset (fit_to_model)

  LoraRecipe lora;  // rank 0: none
  Precision precision = Precision::f32;
  bool nf4_base = false;      // QLoRA
  RecomputeLimits recompute;  // neutral: it changes memory and time

  // What on
  std::string model;           // folder of the checkpoint to start from
  LoadOptions load;            // its new_projector takes the seed
  std::string data;            // JSON or JSONL
  std::string images;          // folder the paths of pictures are relative to, in every file; "" = the file's own
  bool allow_outside = false;  // pictures may lie elsewhere
  int64_t skip_diverged = 0;   // steps in a row that may be left out for numbers that are not finite; 0 = none
  int64_t skip_bad = 0;        // records that may be unusable; -1 = any number

  // Where to
  std::string out;  // folder of the run
  std::string resume =
      "auto";  // "auto" goes on where the run stopped, "never" refuses a folder that holds one, else a snapshot
  int64_t save_every = 0;    // steps between snapshots; 0 = at the end and when stopped
  int64_t keep = 2;          // snapshots
  std::string eval_data;     // held-out records; "" = none
  int64_t eval_every = 0;    // steps; 0 = at the end
  int64_t answer_every = 0;  // steps between sample answers (capi/sample_answers); 0 = none
  std::string answer_data;   // records whose first questions are asked; "" = eval_data
  int64_t loader_threads = 2;
  int64_t planned_ranks = 1;    // processes that a plan is for, where `ranks` does not say
  std::string device = "cpu";   // ops/device: of each rank, "cuda" = the card of its number on its machine
  bool ranks = false;           // this process is one of several, as its environment says (comm/rendezvous)
  int64_t zero = 0;             // ZeRO level, 0 to 3 (train/ranks): neutral
  bool deterministic = true;    // false: sums whose order depends on the number of ranks
  bool exact = false;           // on a card: nothing whose order is left to chance (ComputePlace)
  bool tensorboard = false;     // event files below out/tensorboard
  bool projector_file = false;  // mm_projector.safetensors beside the result
  bool torch_files = false;     // mm_projector.bin beside the result; with LoRA non_lora_trainables.bin (train/result)
  bool save_async = false;      // snapshots of save_every are written while the run goes on (train/background_save)
};

/// Steps of a process after which a run says how long it will take.
inline constexpr int64_t kEstimateSteps = 10;

/// The row of stage_presets() as settings. Throws Error(not_found).
RunSettings preset_settings(const std::string& preset, int64_t stage);

/// Throws Error(argument), naming field, value and what is expected; Error(unsupported) for four bits on a card.
void check_settings(const RunSettings& settings);

/// Whether anything learns that records without a picture have to teach: the language model, or a LoRA beside it.
bool learns_words(const RunSettings& settings, const LoadPlan& plan);

/// What is computed with where: bf16 on a card with Precision::bf16_store, else f32.
ComputePlace compute_place(const RunSettings& settings, const c10::Device& device);

StepRecipe step_recipe(const RunSettings& settings, int64_t steps);

/// What decides the bits of the result, as one object of plain values; `data` and `model` are the identities of those.
Json numeric_settings(const RunSettings& settings, int64_t steps, const std::string& data, const std::string& model);

}  // namespace llava::core
