// The fields of llava_train_options: a table of its own, for it is as long as the others together.
#include "option_table.hpp"

namespace llava::capi {
namespace {

// What is LLAVA_PRESET is the preset's.
constexpr Range preset_or(double low, double high) { return or_unset(between(low, high), LLAVA_PRESET); }
constexpr Choice kSchedules[] = {{"preset", LLAVA_PRESET},
                                 {"cosine", LLAVA_SCHEDULE_COSINE},
                                 {"linear", LLAVA_SCHEDULE_LINEAR},
                                 {"constant", LLAVA_SCHEDULE_CONSTANT}};
constexpr Choice kLossMeans[] = {{"preset", LLAVA_PRESET}, {"group", LLAVA_LOSS_GROUP}, {"global", LLAVA_LOSS_GLOBAL}};
constexpr Choice kOrders[] = {{"preset", LLAVA_PRESET},
                              {"sequential", LLAVA_ORDER_SEQUENTIAL},
                              {"shuffled", LLAVA_ORDER_SHUFFLED},
                              {"grouped", LLAVA_ORDER_GROUPED},
                              {"upstream", LLAVA_ORDER_UPSTREAM}};
constexpr Choice kPlacesOrPreset[] = {{"preset", LLAVA_PRESET},
                                      {"first", LLAVA_IMAGE_FIRST},
                                      {"as-written", LLAVA_IMAGE_AS_WRITTEN},
                                      {"random", LLAVA_IMAGE_RANDOM}};
constexpr Choice kTrainDtypes[] = {{"auto", LLAVA_DTYPE_AUTO}, {"f32", LLAVA_DTYPE_F32}, {"bf16", LLAVA_DTYPE_BF16}};
constexpr Choice kRecomputes[] = {{"auto", LLAVA_RECOMPUTE_AUTO},
                                  {"none", LLAVA_RECOMPUTE_NONE},
                                  {"cheap", LLAVA_RECOMPUTE_CHEAP},
                                  {"full", LLAVA_RECOMPUTE_FULL}};
constexpr Choice kDeterministic[] = {
    {"auto", LLAVA_DETERMINISTIC_AUTO}, {"on", LLAVA_DETERMINISTIC_ON}, {"off", LLAVA_DETERMINISTIC_OFF}};
constexpr Choice kBaseBits[] = {{"preset", LLAVA_PRESET}, {"16", 16}, {"4", 4}};
constexpr llava_train_options kTrainDefaults = {.struct_size = sizeof(llava_train_options),
                                                .stage = 1,
                                                .preset = nullptr,
                                                .data = nullptr,
                                                .image_root = nullptr,
                                                .out_dir = nullptr,
                                                .resume = nullptr,
                                                .eval_data = nullptr,
                                                .learns = nullptr,
                                                .template_name = nullptr,
                                                .vision_tower = nullptr,
                                                .projector = nullptr,
                                                .new_projector = nullptr,
                                                .lr = LLAVA_PRESET,
                                                .projector_lr = LLAVA_PRESET,
                                                .vision_lr = LLAVA_PRESET,
                                                .weight_decay = LLAVA_PRESET,
                                                .beta1 = LLAVA_PRESET,
                                                .beta2 = LLAVA_PRESET,
                                                .epsilon = LLAVA_PRESET,
                                                .warmup_ratio = LLAVA_PRESET,
                                                .clip = LLAVA_PRESET,
                                                .batch = LLAVA_PRESET,
                                                .micro_batch = LLAVA_PRESET,
                                                .epochs = LLAVA_PRESET,
                                                .steps = 0,
                                                .max_length = LLAVA_PRESET,
                                                .warmup_steps = LLAVA_PRESET,
                                                .seed = 42,
                                                .save_every = 0,
                                                .keep = 2,
                                                .eval_every = 0,
                                                .skip_bad = 0,
                                                .schedule = LLAVA_PRESET,
                                                .loss_mean = LLAVA_PRESET,
                                                .order = LLAVA_PRESET,
                                                .image_place = LLAVA_PRESET,
                                                .labels = LLAVA_LABELS_SPANS,
                                                .allow_outside = 0,
                                                .loader_threads = 2,
                                                .dtype = LLAVA_DTYPE_AUTO,
                                                .recompute = LLAVA_RECOMPUTE_AUTO,
                                                .nproc = 1,
                                                .zero = 0,
                                                .deterministic = LLAVA_DETERMINISTIC_AUTO,
                                                .tensorboard = 0,
                                                .projector_file = 0,
                                                .base_bits = LLAVA_PRESET,
                                                .reserved = 0,
                                                .lora_r = LLAVA_PRESET,
                                                .lora_alpha = LLAVA_PRESET,
                                                .lora_dropout = LLAVA_PRESET,
                                                .lora_targets = nullptr,
                                                .rank_program = nullptr,
                                                .event = nullptr,
                                                .event_user_data = nullptr,
                                                .cancel = nullptr};
constexpr OptionField kTrainFields[] = {
    LLAVA_FIELD(llava_train_options, stage, i32, between(1, 2)),
    LLAVA_FIELD(llava_train_options, preset, text, between(1, 256)),
    LLAVA_FIELD(llava_train_options, data, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, image_root, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, out_dir, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, resume, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, eval_data, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, learns, text, between(1, core::limits::kPatternBytes)),
    LLAVA_FIELD(llava_train_options, template_name, text, between(1, 256)),
    LLAVA_FIELD(llava_train_options, vision_tower, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, projector, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, new_projector, text, between(1, 64)),
    LLAVA_FIELD(llava_train_options, lr, f64, preset_or(0, 100)),
    LLAVA_FIELD(llava_train_options, projector_lr, f64, preset_or(0, 100)),
    LLAVA_FIELD(llava_train_options, vision_lr, f64, preset_or(0, 100)),
    LLAVA_FIELD(llava_train_options, weight_decay, f64, preset_or(0, 100)),
    LLAVA_FIELD(llava_train_options, beta1, f64, preset_or(0, 0.999999999)),
    LLAVA_FIELD(llava_train_options, beta2, f64, preset_or(0, 0.999999999)),
    LLAVA_FIELD(llava_train_options, epsilon, f64, preset_or(1e-30, 0.1)),
    LLAVA_FIELD(llava_train_options, warmup_ratio, f64, preset_or(0, 0.999999999)),
    LLAVA_FIELD(llava_train_options, clip, f64, preset_or(0, 1e9)),
    LLAVA_FIELD(llava_train_options, batch, i64, preset_or(1, 1 << 24)),
    LLAVA_FIELD(llava_train_options, micro_batch, i64, preset_or(1, 1 << 24)),
    LLAVA_FIELD(llava_train_options, epochs, i64, preset_or(1, 100000)),
    LLAVA_FIELD(llava_train_options, steps, i64, between(0, kMost32)),
    LLAVA_FIELD(llava_train_options, max_length, i64, preset_or(0, core::limits::kContext)),
    LLAVA_FIELD(llava_train_options, warmup_steps, i64, preset_or(0, kMost32)),
    LLAVA_FIELD(llava_train_options, seed, i64, between(0, kMost64)),
    LLAVA_FIELD(llava_train_options, save_every, i64, between(0, kMost32)),
    LLAVA_FIELD(llava_train_options, keep, i64, between(1, 100000)),
    LLAVA_FIELD(llava_train_options, eval_every, i64, between(0, kMost32)),
    LLAVA_FIELD(llava_train_options, skip_bad, i64, between(-1, kMost64)),
    LLAVA_CHOICE(llava_train_options, schedule, kSchedules),
    LLAVA_CHOICE(llava_train_options, loss_mean, kLossMeans),
    LLAVA_CHOICE(llava_train_options, order, kOrders),
    LLAVA_CHOICE(llava_train_options, image_place, kPlacesOrPreset),
    LLAVA_CHOICE(llava_train_options, labels, kLabels),
    LLAVA_FIELD(llava_train_options, allow_outside, flag),
    LLAVA_FIELD(llava_train_options, loader_threads, i32, between(1, 256)),
    LLAVA_CHOICE(llava_train_options, dtype, kTrainDtypes),
    LLAVA_CHOICE(llava_train_options, recompute, kRecomputes),
    LLAVA_FIELD(llava_train_options, lora_r, i64, preset_or(0, core::limits::kWidth)),
    LLAVA_FIELD(llava_train_options, lora_alpha, f64, preset_or(0, 1e6)),
    LLAVA_FIELD(llava_train_options, lora_dropout, f64, preset_or(0, 0.999)),
    LLAVA_FIELD(llava_train_options, lora_targets, text, between(1, 1024)),
    LLAVA_FIELD(llava_train_options, nproc, i32, between(0, 1024)),
    LLAVA_FIELD(llava_train_options, zero, i32, between(0, 1)),
    LLAVA_CHOICE(llava_train_options, deterministic, kDeterministic),
    LLAVA_FIELD(llava_train_options, tensorboard, flag),
    LLAVA_FIELD(llava_train_options, projector_file, flag),
    LLAVA_CHOICE(llava_train_options, base_bits, kBaseBits),
    LLAVA_FIELD(llava_train_options, reserved, reserved),
    LLAVA_FIELD(llava_train_options, rank_program, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_train_options, event, opaque),
    LLAVA_FIELD(llava_train_options, event_user_data, opaque),
    LLAVA_FIELD(llava_train_options, cancel, opaque),
};

constexpr OptionStruct kTrain = LLAVA_STRUCT(llava_train_options, kTrainDefaults, kTrainFields);

}  // namespace

template <>
const OptionStruct& option_struct<llava_train_options>() {
  return kTrain;
}

}  // namespace llava::capi
