// Known keys.
#include "model/config_keys.hpp"

#include <iterator>
#include <vector>

#include "base/error.hpp"

namespace llava::core {
namespace {

// clang-format off
// Read by config_sections.cpp.
constexpr std::string_view kVision[] = {
    "hidden_act", "hidden_size", "image_size", "intermediate_size", "layer_norm_eps", "model_type",
    "num_attention_heads", "num_channels", "num_hidden_layers", "patch_size", "projection_dim", "vocab_size"};
constexpr std::string_view kLanguage[] = {
    "attention_bias", "bos_token_id", "eos_token_id", "head_dim", "hidden_act", "hidden_size", "intermediate_size",
    "max_position_embeddings", "max_sequence_length", "mlp_bias", "model_type", "num_attention_heads",
    "num_hidden_layers", "num_key_value_heads", "pad_token_id", "partial_rotary_factor", "rms_norm_eps",
    "rope_parameters", "rope_scaling", "rope_theta", "sliding_window", "vocab_size"};
// Read by config_json.cpp and original_config.cpp. transformers copies vocab_size and the like up from text_config.
constexpr std::string_view kModel[] = {
    "ignore_index", "image_aspect_ratio", "image_grid_pinpoints", "image_seq_length", "image_token_id",
    "image_token_index", "model_type", "multimodal_projector_bias", "pad_token_id", "projector_hidden_act",
    "text_config", "use_image_newline_parameter", "vision_config", "vision_feature_layer",
    "vision_feature_select_strategy", "vision_tower", "vocab_size"};

// What transformers' PretrainedConfig writes and a forward pass does not look at.
constexpr std::string_view kWithoutMeaning[] = {
    "_attn_implementation_autoset", "_name_or_path", "add_cross_attention", "architectures", "attention_dropout",
    "auto_map", "bad_words_ids", "begin_suppress_tokens", "chunk_size_feed_forward", "cross_attention_hidden_size",
    "decoder_start_token_id", "diversity_penalty", "do_sample", "dropout", "dtype", "early_stopping",
    "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id",
    "forced_eos_token_id", "gradient_checkpointing", "id2label", "initializer_factor", "initializer_range",
    "is_decoder", "is_encoder_decoder", "label2id", "length_penalty", "max_length", "min_length",
    "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences", "output_attentions",
    "output_hidden_states", "output_scores", "prefix", "pretraining_tp", "problem_type", "pruned_heads",
    "remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id",
    "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder",
    "tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript", "transformers_version",
    "typical_p", "use_bfloat16", "use_cache"};

// The original repository's: read by original_config.cpp, or about its training.
constexpr std::string_view kOriginal[] = {
    "freeze_mm_mlp_adapter", "freeze_mm_vision_resampler", "image_crop_resolution", "image_split_resolution",
    "mm_hidden_size", "mm_patch_merge_type", "mm_projector_lr",
    "mm_projector_type", "mm_resampler_type", "mm_use_im_patch_token", "mm_use_im_start_end",
    "mm_vision_select_feature", "mm_vision_select_layer", "mm_vision_tower", "mm_vision_tower_lr",
    "pretrain_mm_mlp_adapter", "tokenizer_model_max_length", "tokenizer_padding_side", "tune_mm_mlp_adapter",
    "tune_mm_vision_resampler", "unfreeze_mm_vision_tower", "use_mm_proj"};
// clang-format on

std::vector<std::string_view> known_keys(ConfigSection section) {
  std::vector<std::string_view> known(std::begin(kWithoutMeaning), std::end(kWithoutMeaning));
  const auto add = [&](const auto& list) { known.insert(known.end(), std::begin(list), std::end(list)); };
  if (section == ConfigSection::vision) add(kVision);
  if (section != ConfigSection::vision) add(kLanguage);  // in the original layout both stand in one object
  if (section == ConfigSection::model) add(kModel), add(kOriginal);
  return known;
}

void refuse_arithmetic(const Json& json, std::string_view where) {
  if (find_value(json, "quantization_config", where))
    throw Error(Status::unsupported, cat(where,
                                         ": has quantization_config; quantised weights are not read here, "
                                         "expected f32, f16 or bf16"));
  const auto* rope = find_value(json, "rope_parameters", where);  // where transformers 5 keeps it
  for (const auto* object : {&json, rope && rope->is_object() ? rope : &json})
    if (const double factor = read_number(*object, "partial_rotary_factor", where, 0, 1, 1.0); factor != 1)
      throw Error(Status::unsupported, cat(where, ": partial_rotary_factor is ", factor, ", expected 1"));
}

}  // namespace

void check_config_keys(const Json& json, ConfigSection section, std::string_view where) {
  refuse_arithmetic(json, where);
  log_unknown_keys(json, where, known_keys(section));
}

}  // namespace llava::core
