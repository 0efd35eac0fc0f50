// One table an option struct: fields, ranges, names. A field that is not here does not exist for the library.
#include <llava/llava.h>

#include "checkpoint/adapter_config.hpp"
#include "option_table.hpp"

namespace llava::capi {
namespace {

constexpr Range kScaleRange = between(-core::kMostScale, core::kMostScale);

// The choice of an adapter, at the end of every options struct of a call.
#define LLAVA_ADAPTER_FIELDS(type)                                                                       \
  LLAVA_FIELD(type, adapter, text, between(0, 256)), LLAVA_FIELD(type, adapter_scale, f32, kScaleRange), \
      LLAVA_FIELD(type, adapter_reserved, reserved)

// ---- llava_image_options
constexpr llava_image_options kImageDefaults = {sizeof(llava_image_options), 1, core::limits::kPicturePixels,
                                                core::limits::kPictureBytes, nullptr};
constexpr OptionField kImageFields[] = {
    LLAVA_FIELD(llava_image_options, apply_exif, flag),
    LLAVA_FIELD(llava_image_options, max_pixels, i64, between(1, 1 << 30)),
    LLAVA_FIELD(llava_image_options, max_bytes, i64, between(1, 1 << 30)),
    LLAVA_FIELD(llava_image_options, cancel, opaque),
};

// ---- llava_load_options
constexpr Choice kDtypes[] = {
    {"auto", LLAVA_DTYPE_AUTO}, {"f32", LLAVA_DTYPE_F32}, {"f16", LLAVA_DTYPE_F16}, {"bf16", LLAVA_DTYPE_BF16}};
constexpr Choice kTileRules[] = {
    {"auto", LLAVA_TILES_AUTO}, {"original", LLAVA_TILES_ORIGINAL}, {"hf", LLAVA_TILES_HF}};
constexpr llava_load_options kLoadDefaults = {.struct_size = sizeof(llava_load_options),
                                              .dtype = LLAVA_DTYPE_AUTO,
                                              .device = nullptr,
                                              .template_name = nullptr,
                                              .max_context = 0,
                                              .progress = nullptr,
                                              .progress_user_data = nullptr,
                                              .cancel = nullptr,
                                              .verify = 0,
                                              .reserved = 0,
                                              .vision_tower = nullptr,
                                              .projector = nullptr,
                                              .adapter = nullptr,
                                              .adapter_scale = 1,
                                              .tile_rule = LLAVA_TILES_AUTO,
                                              .allow_pickle = 1,
                                              .pickle_reserved = 0,
                                              .no_mmap = 0,
                                              .mmap_reserved = 0};
constexpr OptionField kLoadFields[] = {
    LLAVA_CHOICE(llava_load_options, dtype, kDtypes),
    LLAVA_FIELD(llava_load_options, device, text, between(1, 64)),
    LLAVA_FIELD(llava_load_options, template_name, text, between(1, 256)),
    LLAVA_FIELD(llava_load_options, max_context, i64, between(0, core::limits::kContext)),
    LLAVA_FIELD(llava_load_options, progress, opaque),
    LLAVA_FIELD(llava_load_options, progress_user_data, opaque),
    LLAVA_FIELD(llava_load_options, cancel, opaque),
    LLAVA_FIELD(llava_load_options, verify, flag),
    LLAVA_FIELD(llava_load_options, reserved, reserved),
    LLAVA_FIELD(llava_load_options, vision_tower, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_load_options, projector, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_load_options, adapter, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_load_options, adapter_scale, f32, kScaleRange),
    LLAVA_CHOICE(llava_load_options, tile_rule, kTileRules),
    LLAVA_FIELD(llava_load_options, allow_pickle, flag),
    LLAVA_FIELD(llava_load_options, pickle_reserved, reserved),
    LLAVA_FIELD(llava_load_options, no_mmap, flag),
    LLAVA_FIELD(llava_load_options, mmap_reserved, reserved),
};

// ---- llava_save_options
constexpr Choice kLayouts[] = {
    {"keep", LLAVA_LAYOUT_KEEP}, {"hf", LLAVA_LAYOUT_HF}, {"original", LLAVA_LAYOUT_ORIGINAL}};
constexpr llava_save_options kSaveDefaults = {.struct_size = sizeof(llava_save_options),
                                              .layout = LLAVA_LAYOUT_KEEP,
                                              .dtype = LLAVA_DTYPE_AUTO,
                                              .overwrite = 0,
                                              .shard_bytes = 5'000'000'000,
                                              .vision_tower = nullptr,
                                              .projector = nullptr,
                                              .progress = nullptr,
                                              .progress_user_data = nullptr,
                                              .cancel = nullptr};
constexpr OptionField kSaveFields[] = {
    LLAVA_CHOICE(llava_save_options, layout, kLayouts),
    LLAVA_CHOICE(llava_save_options, dtype, kDtypes),
    LLAVA_FIELD(llava_save_options, overwrite, flag),
    LLAVA_FIELD(llava_save_options, shard_bytes, i64, between(1, kMost64)),
    LLAVA_FIELD(llava_save_options, vision_tower, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_save_options, projector, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_save_options, progress, opaque),
    LLAVA_FIELD(llava_save_options, progress_user_data, opaque),
    LLAVA_FIELD(llava_save_options, cancel, opaque),
};

// ---- llava_adapter_options
constexpr llava_adapter_options kAdapterDefaults = {sizeof(llava_adapter_options), 0, nullptr, nullptr};
constexpr OptionField kAdapterFields[] = {
    LLAVA_FIELD(llava_adapter_options, verify, flag),
    LLAVA_FIELD(llava_adapter_options, name, text, between(1, 256)),
    LLAVA_FIELD(llava_adapter_options, cancel, opaque),
};

// ---- llava_dataset_options
constexpr Choice kImagePlaces[] = {
    {"first", LLAVA_IMAGE_FIRST}, {"as-written", LLAVA_IMAGE_AS_WRITTEN}, {"random", LLAVA_IMAGE_RANDOM}};
constexpr Choice kPictureChecks[] = {
    {"whole", LLAVA_PICTURES_WHOLE}, {"header", LLAVA_PICTURES_HEADER}, {"skip", LLAVA_PICTURES_SKIP}};
constexpr llava_dataset_options kDatasetDefaults = {.struct_size = sizeof(llava_dataset_options),
                                                    .labels = LLAVA_LABELS_SPANS,
                                                    .image_place = LLAVA_IMAGE_FIRST,
                                                    .pictures = LLAVA_PICTURES_WHOLE,
                                                    .allow_outside = 0,
                                                    .threads = 2,
                                                    .max_length = 0,
                                                    .seed = 42,
                                                    .image_root = nullptr,
                                                    .template_name = nullptr,
                                                    .progress = nullptr,
                                                    .progress_user_data = nullptr,
                                                    .cancel = nullptr};
constexpr OptionField kDatasetFields[] = {
    LLAVA_CHOICE(llava_dataset_options, labels, kLabels),
    LLAVA_CHOICE(llava_dataset_options, image_place, kImagePlaces),
    LLAVA_CHOICE(llava_dataset_options, pictures, kPictureChecks),
    LLAVA_FIELD(llava_dataset_options, allow_outside, flag),
    LLAVA_FIELD(llava_dataset_options, threads, i32, between(1, 256)),
    LLAVA_FIELD(llava_dataset_options, max_length, i64, between(0, core::limits::kContext)),
    LLAVA_FIELD(llava_dataset_options, seed, i64, between(0, kMost64)),
    LLAVA_FIELD(llava_dataset_options, image_root, text, between(1, core::limits::kPathBytes)),
    LLAVA_FIELD(llava_dataset_options, template_name, text, between(1, 256)),
    LLAVA_FIELD(llava_dataset_options, progress, opaque),
    LLAVA_FIELD(llava_dataset_options, progress_user_data, opaque),
    LLAVA_FIELD(llava_dataset_options, cancel, opaque),
};

// ---- llava_encode_options
constexpr Choice kEncodeOutputs[] = {{"projected", LLAVA_ENCODE_PROJECTED}, {"features", LLAVA_ENCODE_FEATURES}};
constexpr llava_encode_options kEncodeDefaults = {
    sizeof(llava_encode_options), LLAVA_ENCODE_PROJECTED, LLAVA_LAYER_CONFIGURED, -1, nullptr, nullptr, 1, 0};
constexpr OptionField kEncodeFields[] = {
    LLAVA_CHOICE(llava_encode_options, output, kEncodeOutputs),
    LLAVA_FIELD(llava_encode_options, layer, i32, or_unset(between(-513, 512), LLAVA_LAYER_CONFIGURED)),
    LLAVA_FIELD(llava_encode_options, class_token, i32, or_unset(between(0, 1))),
    LLAVA_FIELD(llava_encode_options, cancel, opaque),
    LLAVA_ADAPTER_FIELDS(llava_encode_options),
};

// ---- llava_forward_options
constexpr Choice kForwardOutputs[] = {{"logits", LLAVA_FORWARD_LOGITS}, {"hidden", LLAVA_FORWARD_HIDDEN}};
constexpr llava_forward_options kForwardDefaults = {
    sizeof(llava_forward_options), LLAVA_FORWARD_LOGITS, 0, 0, nullptr, nullptr, 1, 0};
constexpr OptionField kForwardFields[] = {
    LLAVA_CHOICE(llava_forward_options, output, kForwardOutputs),
    LLAVA_FIELD(llava_forward_options, last_only, flag),
    LLAVA_FIELD(llava_forward_options, reserved, reserved),
    LLAVA_FIELD(llava_forward_options, cancel, opaque),
    LLAVA_ADAPTER_FIELDS(llava_forward_options),
};

// ---- llava_template_options
constexpr llava_template_options kTemplateDefaults = {sizeof(llava_template_options), 1, nullptr, nullptr};
constexpr OptionField kTemplateFields[] = {
    LLAVA_FIELD(llava_template_options, generation_prompt, flag),
    LLAVA_FIELD(llava_template_options, template_name, text, between(1, 256)),
    LLAVA_FIELD(llava_template_options, system, text, between(0, kTextBytes)),
};

// ---- llava_session_options
constexpr llava_session_options kSessionDefaults = {
    sizeof(llava_session_options), 0, nullptr, nullptr, 0, nullptr, 1, 0};
constexpr OptionField kSessionFields[] = {
    LLAVA_FIELD(llava_session_options, reserved, reserved),
    LLAVA_FIELD(llava_session_options, system, text, between(0, kTextBytes)),
    LLAVA_FIELD(llava_session_options, template_name, text, between(1, 256)),
    LLAVA_FIELD(llava_session_options, max_context, i64, between(0, core::limits::kContext)),
    LLAVA_ADAPTER_FIELDS(llava_session_options),
};

// ---- llava_chat_options
constexpr Choice kOnCancel[] = {{"rollback", LLAVA_CANCEL_ROLLBACK}, {"keep", LLAVA_CANCEL_KEEP}};
constexpr llava_chat_options kChatDefaults = {.struct_size = sizeof(llava_chat_options),
                                              .max_tokens = -1,
                                              .min_tokens = 0,
                                              .top_k = -1,
                                              .temperature = -1,
                                              .top_p = -1,
                                              .min_p = 0,
                                              .repetition_penalty = -1,
                                              .seed = -1,
                                              .stop = nullptr,
                                              .stop_ids = nullptr,
                                              .bad_ids = nullptr,
                                              .bias_ids = nullptr,
                                              .bias_values = nullptr,
                                              .stop_count = 0,
                                              .stop_id_count = 0,
                                              .bad_id_count = 0,
                                              .bias_count = 0,
                                              .include_stop = 0,
                                              .ignore_eos = 0,
                                              .logprobs = -1,
                                              .on_cancel = LLAVA_CANCEL_ROLLBACK,
                                              .timeout_ms = -1,
                                              .cancel = nullptr,
                                              .event = nullptr,
                                              .event_user_data = nullptr,
                                              .adapter = nullptr,
                                              .adapter_scale = 1,
                                              .adapter_reserved = 0};
constexpr OptionField kChatFields[] = {
    LLAVA_FIELD(llava_chat_options, max_tokens, i32, or_unset(between(1, kMost32))),
    LLAVA_FIELD(llava_chat_options, min_tokens, i32, between(0, kMost32)),
    LLAVA_FIELD(llava_chat_options, top_k, i32, or_unset(between(0, kMost32))),
    LLAVA_FIELD(llava_chat_options, temperature, f32, or_unset(between(0, 100))),
    LLAVA_FIELD(llava_chat_options, top_p, f32, or_unset(above(0, 1))),
    LLAVA_FIELD(llava_chat_options, min_p, f32, {0, 0.999999, false, false, 0}),
    LLAVA_FIELD(llava_chat_options, repetition_penalty, f32, or_unset(above(0, 100))),
    LLAVA_FIELD(llava_chat_options, seed, i64, or_unset(between(0, kMost64))),
    LLAVA_LIST(llava_chat_options, stop, texts, stop_count, 1, core::limits::kStopStringBytes),
    LLAVA_LIST(llava_chat_options, stop_ids, ids, stop_id_count),
    LLAVA_LIST(llava_chat_options, bad_ids, ids, bad_id_count),
    LLAVA_LIST(llava_chat_options, bias_ids, ids, bias_count),
    LLAVA_LIST(llava_chat_options, bias_values, floats, bias_count),
    LLAVA_FIELD(llava_chat_options, stop_count, count, between(0, core::limits::kStopStrings)),
    LLAVA_FIELD(llava_chat_options, stop_id_count, count, between(0, core::limits::kVocabulary)),
    LLAVA_FIELD(llava_chat_options, bad_id_count, count, between(0, core::limits::kVocabulary)),
    LLAVA_FIELD(llava_chat_options, bias_count, count, between(0, core::limits::kVocabulary)),
    LLAVA_FIELD(llava_chat_options, include_stop, flag),
    LLAVA_FIELD(llava_chat_options, ignore_eos, flag),
    LLAVA_FIELD(llava_chat_options, logprobs, i32, or_unset(between(0, core::limits::kTopLogprobs))),
    LLAVA_CHOICE(llava_chat_options, on_cancel, kOnCancel),
    LLAVA_FIELD(llava_chat_options, timeout_ms, i64, or_unset(between(0, kMost64))),
    LLAVA_FIELD(llava_chat_options, cancel, opaque),
    LLAVA_FIELD(llava_chat_options, event, opaque),
    LLAVA_FIELD(llava_chat_options, event_user_data, opaque),
    LLAVA_ADAPTER_FIELDS(llava_chat_options),
};

constexpr OptionStruct kImage = LLAVA_STRUCT(llava_image_options, kImageDefaults, kImageFields);
constexpr OptionStruct kLoad = LLAVA_STRUCT(llava_load_options, kLoadDefaults, kLoadFields);
constexpr OptionStruct kSave = LLAVA_STRUCT(llava_save_options, kSaveDefaults, kSaveFields);
constexpr OptionStruct kAdapter = LLAVA_STRUCT(llava_adapter_options, kAdapterDefaults, kAdapterFields);
constexpr OptionStruct kDataset = LLAVA_STRUCT(llava_dataset_options, kDatasetDefaults, kDatasetFields);
constexpr OptionStruct kEncode = LLAVA_STRUCT(llava_encode_options, kEncodeDefaults, kEncodeFields);
constexpr OptionStruct kForward = LLAVA_STRUCT(llava_forward_options, kForwardDefaults, kForwardFields);
constexpr OptionStruct kTemplate = LLAVA_STRUCT(llava_template_options, kTemplateDefaults, kTemplateFields);
constexpr OptionStruct kSession = LLAVA_STRUCT(llava_session_options, kSessionDefaults, kSessionFields);
constexpr OptionStruct kChat = LLAVA_STRUCT(llava_chat_options, kChatDefaults, kChatFields);

}  // namespace

template <>
const OptionStruct& option_struct<llava_image_options>() {
  return kImage;
}
template <>
const OptionStruct& option_struct<llava_load_options>() {
  return kLoad;
}
template <>
const OptionStruct& option_struct<llava_save_options>() {
  return kSave;
}
template <>
const OptionStruct& option_struct<llava_adapter_options>() {
  return kAdapter;
}
template <>
const OptionStruct& option_struct<llava_dataset_options>() {
  return kDataset;
}
template <>
const OptionStruct& option_struct<llava_encode_options>() {
  return kEncode;
}
template <>
const OptionStruct& option_struct<llava_forward_options>() {
  return kForward;
}
template <>
const OptionStruct& option_struct<llava_template_options>() {
  return kTemplate;
}
template <>
const OptionStruct& option_struct<llava_session_options>() {
  return kSession;
}
template <>
const OptionStruct& option_struct<llava_chat_options>() {
  return kChat;
}
std::span<const OptionStruct* const> option_structs() {
  static const OptionStruct* const all[] = {&kImage,
                                            &kLoad,
                                            &kSave,
                                            &kAdapter,
                                            &kDataset,
                                            &kEncode,
                                            &kForward,
                                            &kTemplate,
                                            &kSession,
                                            &kChat,
                                            &option_struct<llava_train_options>()};
  return all;
}

}  // namespace llava::capi
