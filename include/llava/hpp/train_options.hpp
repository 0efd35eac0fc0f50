/** @file train_options.hpp What a training run is told. */
#ifndef LLAVA_HPP_TRAIN_OPTIONS_HPP
#define LLAVA_HPP_TRAIN_OPTIONS_HPP

#include "../train_options.h"
#include "dataset.hpp"
#include "model.hpp"

namespace llava {
inline namespace abi1 {

/** How the learning rate goes; preset: as the preset says. */
enum class Schedule : int32_t {
  preset = LLAVA_PRESET,
  cosine = LLAVA_SCHEDULE_COSINE,
  linear = LLAVA_SCHEDULE_LINEAR,
  constant = LLAVA_SCHEDULE_CONSTANT,
  wsd = LLAVA_SCHEDULE_WSD
};

/** How the loss of a step is averaged; preset: as the preset says. */
enum class LossMean : int32_t { preset = LLAVA_PRESET, group = LLAVA_LOSS_GROUP, global = LLAVA_LOSS_GLOBAL };

/** In which order samples are seen; preset: as the preset says. */
enum class Order : int32_t {
  preset = LLAVA_PRESET,
  sequential = LLAVA_ORDER_SEQUENTIAL,
  shuffled = LLAVA_ORDER_SHUFFLED,
  grouped = LLAVA_ORDER_GROUPED,
  upstream = LLAVA_ORDER_UPSTREAM
};

/** In which order the gradients of a step's micro-batches are added up. */
enum class SumOrder : int32_t { tree = LLAVA_SUM_TREE, chain = LLAVA_SUM_CHAIN };

/** What is computed twice to save memory. */
enum class Recompute : int32_t {
  automatic = LLAVA_RECOMPUTE_AUTO,
  none = LLAVA_RECOMPUTE_NONE,
  cheap = LLAVA_RECOMPUTE_CHEAP,
  full = LLAVA_RECOMPUTE_FULL
};

/** Whether sums have one order on any number of ranks. */
enum class Deterministic : int32_t {
  automatic = LLAVA_DETERMINISTIC_AUTO,
  on = LLAVA_DETERMINISTIC_ON,
  off = LLAVA_DETERMINISTIC_OFF
};

/** How a stage is trained; see llava_train_options. Empty texts and numbers of -1 are as there. Since 0.1. */
struct TrainOptions {
  int32_t stage = 1;                          /**< 1: the projector learns; 2: the language model too */
  std::string preset = {};                    /**< "": "llava-1.5" */
  std::string data = {};                      /**< records; must be set */
  std::string image_root = {};                /**< "": that of the file whose records name them */
  std::string out_dir = {};                   /**< folder of the run; must be set but for a plan */
  std::string resume = {};                    /**< "": "auto" */
  std::string eval_data = {};                 /**< held-out records */
  std::string learns = {};                    /**< regular expression over parameter names */
  std::string template_name = {};             /**< conversation template */
  std::string vision_tower = {};              /**< folder of a CLIP tower, used instead of any other */
  std::string projector = {};                 /**< file of a projector, used instead of any other */
  std::string new_projector = {};             /**< "mlp2x_gelu": begin with a projector that has learned nothing */
  double lr = LLAVA_PRESET;                   /**< peak learning rate */
  double projector_lr = LLAVA_PRESET;         /**< of the projector */
  double vision_lr = LLAVA_PRESET;            /**< of the vision tower */
  double weight_decay = LLAVA_PRESET;         /**< of matrices */
  double beta1 = LLAVA_PRESET;                /**< of AdamW */
  double beta2 = LLAVA_PRESET;                /**< of AdamW */
  double epsilon = LLAVA_PRESET;              /**< of AdamW */
  double warmup_ratio = LLAVA_PRESET;         /**< steps of warm-up, of all */
  double clip = LLAVA_PRESET;                 /**< largest norm of a step's gradient; 0: no bound */
  int64_t batch = LLAVA_PRESET;               /**< samples of a step */
  int64_t micro_batch = LLAVA_PRESET;         /**< samples that go through the model together */
  int64_t epochs = LLAVA_PRESET;              /**< times the data are seen */
  int64_t steps = 0;                          /**< length of the run; 0: by the epochs */
  int64_t max_length = LLAVA_PRESET;          /**< positions of a sample */
  int64_t warmup_steps = LLAVA_PRESET;        /**< instead of warmup_ratio */
  int64_t seed = 42;                          /**< of orders and draws */
  int64_t save_every = 0;                     /**< steps between snapshots; 0: at the end and when stopped */
  int64_t keep = 2;                           /**< snapshots that are kept */
  int64_t eval_every = 0;                     /**< steps between evaluations; 0: at the end */
  int64_t skip_bad = 0;                       /**< records that may be unusable; -1: any number */
  Schedule schedule = Schedule::preset;       /**< of the learning rate */
  LossMean loss_mean = LossMean::preset;      /**< of a step */
  Order order = Order::preset;                /**< of samples */
  std::optional<ImagePlace> image_place = {}; /**< of the first picture; none: as the preset says */
  Labels labels = Labels::spans;              /**< which tokens are learned */
  bool allow_outside = false;                 /**< pictures may lie anywhere */
  int32_t loader_threads = 2;                 /**< that decode pictures ahead */
  Dtype dtype = Dtype::automatic;             /**< f32, or bf16 */
  Recompute recompute = Recompute::automatic; /**< what is computed twice to save memory */
  int64_t lora_r = LLAVA_PRESET;              /**< rank of a LoRA; 0: none */
  double lora_alpha = LLAVA_PRESET;           /**< its products count alpha / r */
  double lora_dropout = LLAVA_PRESET;         /**< of its inputs */
  std::string lora_targets = {};              /**< matrices, parted by commas; "": all */
  int32_t nproc = 1;                          /**< processes; 0: one of several, as the environment says */
  int32_t zero = 0;                           /**< 1: optimizer in shares; 2: and gradients; 3: and values */
  Deterministic deterministic = Deterministic::automatic; /**< the same bits on any number of ranks */
  bool tensorboard = false;                               /**< event files */
  std::string rank_program = {};                          /**< what ranks run; "": llava-rank beside the library */
  int32_t base_bits = LLAVA_PRESET;                       /**< 4: frozen weights beside a LoRA in four bits */
  bool projector_file = false;                            /**< mm_projector.safetensors beside the result */
  bool torch_files = false;                               /**< mm_projector.bin or non_lora_trainables.bin */
  bool save_async = false;                                /**< snapshots are written while the run goes on */
  int64_t answer_every = 0;                               /**< steps between sample answers; 0: none */
  std::string answer_data = {};                           /**< records with the questions; "": eval_data */
  std::string device = {};                                /**< "cuda:0", "cuda"; "": the CPU */
  std::string image_aspect_ratio = {};                    /**< "pad", "square"; "": the model's, else the preset's */
  int64_t skip_diverged = 0;                              /**< steps in a row that may be left out as not finite */
  double decay_ratio = LLAVA_PRESET;   /**< of Schedule::wsd: steps over which it goes down, of all */
  SumOrder sum_order = SumOrder::tree; /**< of the micro-batches' gradients */

  /** Hears every event, a JSON object, on the thread that trains; false stops after the step. What it throws leaves the
   * call. */
  std::function<bool(const std::string&)> event = {};
  Cancel cancel = {};  /**< may be empty */
  Cancel abandon = {}; /**< ends processes that were started here at once; may be empty */

  /** Options from JSON, for example {"stage": 2, "data": "chat.json", "out_dir": "tuned"}; what is not named takes its
   * default. */
  static TrainOptions from_json(const std::string& json);
};

namespace detail {

/** What a run's callback throws is kept here, for the call that ran it. */
struct TrainListener {
  std::function<bool(const std::string&)> tell;
  std::exception_ptr thrown;
};

inline int32_t LLAVA_CALL tell_event(const char* event, void* user_data) {
  auto& self = *static_cast<TrainListener*>(user_data);
  return keep_exception(self.thrown, [&] { return self.tell(event) ? LLAVA_TRAIN_GO_ON : LLAVA_TRAIN_STOP; });
}

/** The C form of options; it points into them and to the listener. */
inline llava_train_options train_options(const TrainOptions& options, TrainListener& listener) {
  llava_train_options c;
  check(llava_train_options_init(&c, sizeof c));
  c.stage = options.stage;
  c.preset = or_null(options.preset, "preset");
  c.data = or_null(options.data, "data");
  c.image_root = or_null(options.image_root, "image_root");
  c.out_dir = or_null(options.out_dir, "out_dir");
  c.resume = or_null(options.resume, "resume");
  c.eval_data = or_null(options.eval_data, "eval_data");
  c.learns = or_null(options.learns, "learns");
  c.template_name = or_null(options.template_name, "template_name");
  c.vision_tower = or_null(options.vision_tower, "vision_tower");
  c.projector = or_null(options.projector, "projector");
  c.new_projector = or_null(options.new_projector, "new_projector");
  c.lr = options.lr;
  c.projector_lr = options.projector_lr;
  c.vision_lr = options.vision_lr;
  c.weight_decay = options.weight_decay;
  c.dtype = static_cast<int32_t>(options.dtype);
  c.recompute = static_cast<int32_t>(options.recompute);
  c.lora_r = options.lora_r;
  c.lora_alpha = options.lora_alpha;
  c.lora_dropout = options.lora_dropout;
  c.lora_targets = or_null(options.lora_targets, "lora_targets");
  c.projector_file = options.projector_file;
  c.torch_files = options.torch_files;
  c.save_async = options.save_async;
  c.skip_diverged = options.skip_diverged;
  c.answer_every = options.answer_every;
  c.answer_data = or_null(options.answer_data, "answer_data");
  c.device = or_null(options.device, "device");
  c.image_aspect_ratio = or_null(options.image_aspect_ratio, "image_aspect_ratio");
  c.base_bits = options.base_bits;
  c.decay_ratio = options.decay_ratio;
  c.sum_order = static_cast<int32_t>(options.sum_order);
  c.nproc = options.nproc;
  c.zero = options.zero;
  c.deterministic = static_cast<int32_t>(options.deterministic);
  c.tensorboard = options.tensorboard;
  c.rank_program = or_null(options.rank_program, "rank_program");
  c.beta1 = options.beta1;
  c.beta2 = options.beta2;
  c.epsilon = options.epsilon;
  c.warmup_ratio = options.warmup_ratio;
  c.clip = options.clip;
  c.batch = options.batch;
  c.micro_batch = options.micro_batch;
  c.epochs = options.epochs;
  c.steps = options.steps;
  c.max_length = options.max_length;
  c.warmup_steps = options.warmup_steps;
  c.seed = options.seed;
  c.save_every = options.save_every;
  c.keep = options.keep;
  c.eval_every = options.eval_every;
  c.skip_bad = options.skip_bad;
  c.schedule = static_cast<int32_t>(options.schedule);
  c.loss_mean = static_cast<int32_t>(options.loss_mean);
  c.order = static_cast<int32_t>(options.order);
  if (options.image_place) c.image_place = static_cast<int32_t>(*options.image_place);
  c.labels = static_cast<int32_t>(options.labels);
  c.allow_outside = options.allow_outside;
  c.loader_threads = options.loader_threads;
  c.cancel = options.cancel.get();
  c.abandon = options.abandon.get();
  listener.tell = options.event;
  c.event_user_data = &listener;
  if (options.event) c.event = tell_event;
  return c;
}

/** The other direction, without callback and token. */
inline TrainOptions train_options(const llava_train_options& c) {
  const auto text = [](const char* from) { return std::string(from ? from : ""); };
  TrainOptions options;
  options.stage = c.stage;
  options.preset = text(c.preset);
  options.data = text(c.data);
  options.image_root = text(c.image_root);
  options.out_dir = text(c.out_dir);
  options.resume = text(c.resume);
  options.eval_data = text(c.eval_data);
  options.learns = text(c.learns);
  options.template_name = text(c.template_name);
  options.vision_tower = text(c.vision_tower);
  options.projector = text(c.projector);
  options.new_projector = text(c.new_projector);
  options.lr = c.lr;
  options.projector_lr = c.projector_lr;
  options.vision_lr = c.vision_lr;
  options.weight_decay = c.weight_decay;
  options.dtype = static_cast<Dtype>(c.dtype);
  options.recompute = static_cast<Recompute>(c.recompute);
  options.lora_r = c.lora_r;
  options.lora_alpha = c.lora_alpha;
  options.lora_dropout = c.lora_dropout;
  options.lora_targets = text(c.lora_targets);
  options.projector_file = c.projector_file != 0;
  options.torch_files = c.torch_files != 0;
  options.save_async = c.save_async != 0;
  options.skip_diverged = c.skip_diverged;
  options.answer_every = c.answer_every;
  options.answer_data = text(c.answer_data);
  options.device = text(c.device);
  options.image_aspect_ratio = text(c.image_aspect_ratio);
  options.base_bits = c.base_bits;
  options.decay_ratio = c.decay_ratio;
  options.sum_order = static_cast<SumOrder>(c.sum_order);
  options.nproc = c.nproc;
  options.zero = c.zero;
  options.deterministic = static_cast<Deterministic>(c.deterministic);
  options.tensorboard = c.tensorboard != 0;
  options.rank_program = text(c.rank_program);
  options.beta1 = c.beta1;
  options.beta2 = c.beta2;
  options.epsilon = c.epsilon;
  options.warmup_ratio = c.warmup_ratio;
  options.clip = c.clip;
  options.batch = c.batch;
  options.micro_batch = c.micro_batch;
  options.epochs = c.epochs;
  options.steps = c.steps;
  options.max_length = c.max_length;
  options.warmup_steps = c.warmup_steps;
  options.seed = c.seed;
  options.save_every = c.save_every;
  options.keep = c.keep;
  options.eval_every = c.eval_every;
  options.skip_bad = c.skip_bad;
  options.schedule = static_cast<Schedule>(c.schedule);
  options.loss_mean = static_cast<LossMean>(c.loss_mean);
  options.order = static_cast<Order>(c.order);
  if (c.image_place != LLAVA_PRESET) options.image_place = static_cast<ImagePlace>(c.image_place);
  options.labels = static_cast<Labels>(c.labels);
  options.allow_outside = c.allow_outside != 0;
  options.loader_threads = c.loader_threads;
  return options;
}

}  // namespace detail

inline TrainOptions TrainOptions::from_json(const std::string& json) {
  llava_train_options c;
  llava_buffer* keep = nullptr;
  detail::check(llava_train_options_from_json(&c, sizeof c, detail::c_text(json, "json"), &keep));
  struct Free {
    void operator()(llava_buffer* buffer) const { llava_buffer_free(buffer); }
  };
  const std::unique_ptr<llava_buffer, Free> owner(keep);
  return detail::train_options(c);
}

}  // namespace abi1
}  // namespace llava

#endif
