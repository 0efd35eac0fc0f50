// Companions of the weights.
#include "checkpoint/companions.hpp"

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "checkpoint/added_tokens.hpp"
#include "checkpoint/problems.hpp"
#include "checkpoint/tokenizer_file.hpp"
#include "model/config_sections.hpp"

namespace llava::core {
namespace {

GenerationDefaults read_defaults(const std::string& folder, const LanguageConfig& language) {
  GenerationDefaults defaults;
  defaults.eos = language.eos;
  const std::string name = "generation_config.json", path = folder + "/" + name;
  if (!file_exists(path)) return defaults;
  const auto json = parse_json(read_file(path, limits::kConfigJsonBytes, name), name);
  if (!json.is_object()) throw Error(Status::format, cat(name, " is no JSON object"));
  const bool sample = read_bool(json, "do_sample", name, json.contains("temperature"));
  defaults.temperature = sample ? read_number(json, "temperature", name, 0, 1e6, defaults.temperature)
                         : json.contains("do_sample") ? 0.0
                                                      : defaults.temperature;
  defaults.top_p = read_number(json, "top_p", name, 1e-9, 1, defaults.top_p);
  defaults.top_k = sample ? read_int(json, "top_k", name, 0, limits::kVocabulary, defaults.top_k) : 0;
  defaults.repetition_penalty = read_number(json, "repetition_penalty", name, 1e-6, 1e6, 1.0);
  defaults.max_tokens = read_int(json, "max_new_tokens", name, 1, limits::kContext, defaults.max_tokens);
  defaults.eos = parse_end_tokens(json, language.vocabulary, language.eos, name);
  return defaults;
}

// From the model's folder or, in the original layout, its tower's: that one knows no tiles.
PreprocessConfig read_preprocess(Checkpoint& checkpoint, const CompanionSettings& settings) {
  const auto& folder = settings.original ? settings.tower_folder : checkpoint.path;
  const std::string name = "preprocessor_config.json", path = folder + "/" + name;
  if (!folder.empty() && file_exists(path)) {
    const auto text = read_file(path, limits::kConfigJsonBytes, path);
    const auto where = folder == checkpoint.path ? name : path;
    if (checkpoint.tiling && !settings.original) return parse_tiled_preprocess(text, where, *checkpoint.tiling);
    checkpoint.aspect_ratio_open = !parse_json(text, where).contains("do_pad");
    return parse_preprocess(text, where);
  }
  const auto what = cat(folder.empty() ? name : path, " is absent: pictures are prepared as CLIPImageProcessor does");
  checkpoint.notes.push_back(what);
  log_info(what);
  checkpoint.aspect_ratio_open = true;
  return clip_preprocess(static_cast<int32_t>(checkpoint.config.vision.image_size));
}

void check_tokenizer(const Tokenizer& tokenizer, const std::string& file, const ModelConfig& config) {
  if (tokenizer.size() > config.language.vocabulary)
    throw Error(Status::format,
                cat(file, " has ", tokenizer.size(), " tokens with the added ones, config.json's vocab_size is ",
                    config.language.vocabulary));
  if (tokenizer.bos() >= 0 && config.language.bos >= 0 && tokenizer.bos() != config.language.bos)
    throw Error(Status::format,
                cat(file, "'s BOS is ", tokenizer.bos(), ", config.json's bos_token_id ", config.language.bos));
}

// Only a crop, an exact size or padding to a square give every picture the size the tower was made for.
void check_picture_size(const PreprocessConfig& rules, int64_t expected) {
  int64_t height = rules.height, width = rules.width;
  if (rules.do_center_crop) {
    height = rules.crop_height;
    width = rules.crop_width;
  } else if (rules.do_pad && rules.shortest_edge > 0) {
    height = width = rules.shortest_edge;
  }
  if (height == expected && width == expected) return;
  const auto found = height > 0 ? cat(width, " x ", height) : std::string("a size of their own");
  throw Error(Status::format, cat("preprocessor_config.json makes pictures of ", found,
                                  ", config.json's vision_config.image_size is ", expected));
}

// The squeezed picture is made of "size", the tiles of "crop_size"; both go through the tower.
void check_tile_size(const PreprocessConfig& rules, int64_t expected) {
  const bool squeezed =
      rules.shortest_edge > 0 ? rules.shortest_edge == expected : rules.height == expected && rules.width == expected;
  if (squeezed && rules.crop_height == expected && rules.crop_width == expected) return;
  const auto size = rules.shortest_edge > 0 ? cat(rules.shortest_edge) : cat(rules.width, " x ", rules.height);
  throw Error(Status::format,
              cat("preprocessor_config.json has size ", size, " and crop_size ", rules.crop_width, " x ",
                  rules.crop_height, "; tiles are as large as config.json's vision_config.image_size, ", expected));
}

int64_t id_of(const std::vector<AddedToken>& added, std::string_view text) {
  for (const auto& token : added)
    if (token.text == text) return token.id;
  return -1;
}

// The original's builder adds these to the tokenizer after it was read, in this order, where they are not there yet.
void add_image_tokens(std::vector<AddedToken>& added, int32_t first_free, bool patch_token) {
  for (const std::string text : {"<im_patch>", "<im_start>", "<im_end>"})
    if (id_of(added, text) < 0 && (patch_token || text != "<im_patch>")) added.push_back({first_free++, text, true});
}

void read_tokenizer(Checkpoint& checkpoint, TokenizerSettings tokens, const CompanionSettings& settings) {
  auto& added = tokens.added;
  const auto open = [&] {
    checkpoint.tokenizer =
        open_tokenizer(checkpoint.path, tokens, checkpoint.tokenizer_file, checkpoint.tokenizer_unused);
  };
  open();
  if (!settings.start_end) return;  // <im_patch> alone: no prompt holds it
  const auto before = added.size();
  add_image_tokens(added, checkpoint.tokenizer->size(), settings.patch_token);
  if (added.size() > before) {
    if (added.back().id >= checkpoint.config.language.vocabulary)
      throw Error(Status::format, cat("config.json says mm_use_im_start_end, but the tokenizer has no <im_start> and "
                                      "<im_end>, and vocab_size ",
                                      checkpoint.config.language.vocabulary, " has no rows for them"));
    open();
  }
  checkpoint.image_marks = {id_of(added, "<im_start>"), id_of(added, "<im_end>")};
}

void take_template(Checkpoint& checkpoint, const std::string& chat_template, const LoadOptions& options) {
  if (!options.template_name.empty()) {
    checkpoint.chat_template = &find_template(options.template_name);
    checkpoint.template_reason = "asked for by the caller";
    return;
  }
  checkpoint.chat_template = &choose_template({checkpoint.name, chat_template}, &checkpoint.template_reason);
}

void read_picture_rules(Checkpoint& checkpoint, const CompanionSettings& settings) {
  const auto size = checkpoint.config.vision.image_size;
  checkpoint.preprocess = read_preprocess(checkpoint, settings);
  if (settings.original)
    checkpoint.aspect_ratio_open =
        settings.aspect_ratio.empty() || (settings.projector_only && settings.aspect_ratio == "square");
  if (settings.original && !settings.aspect_ratio.empty() && !checkpoint.tiling)
    apply_aspect_ratio(checkpoint.preprocess, settings.aspect_ratio, "config.json");
  // there Image.resize is called without a filter, whatever the tower's own file says
  if (checkpoint.tiling && settings.original) checkpoint.preprocess.resample = Resample::bicubic;
  if (checkpoint.tiling)
    check_tile_size(checkpoint.preprocess, size);
  else
    check_picture_size(checkpoint.preprocess, size);
  checkpoint.preprocess_known = true;
}

}  // namespace

void read_companions(Checkpoint& checkpoint, const CompanionSettings& settings, const LoadOptions& options,
                     std::vector<Error>& problems) {
  const auto& config = checkpoint.config;
  collecting(problems, [&] {
    const auto tokens = read_tokenizer_settings(checkpoint.path);
    collecting(problems, [&] {
      read_tokenizer(checkpoint, tokens, settings);
      check_tokenizer(*checkpoint.tokenizer, checkpoint.tokenizer_file, config);
    });
    take_template(checkpoint, tokens.chat_template, options);
  });
  checkpoint.aspect_ratio = settings.aspect_ratio;
  if (checkpoint.vision_known) collecting(problems, [&] { read_picture_rules(checkpoint, settings); });
  collecting(problems, [&] { checkpoint.defaults = read_defaults(checkpoint.path, config.language); });
  checkpoint.context = config.language.reachable_context();
  if (options.max_context < 0 || options.max_context > checkpoint.context)
    throw Error(Status::argument, cat("max_context is ", options.max_context, ", the model allows 1 … ",
                                      checkpoint.context, " (0 = all)"));
  if (options.max_context > 0) checkpoint.context = options.max_context;
}

void set_aspect_ratio(Checkpoint& checkpoint, const std::string& value, const std::string& where) {
  auto& rules = checkpoint.preprocess;
  if (value != "pad" && value != "square")
    throw Error(Status::argument, cat(where, " is \"", printable(value), "\", expected \"pad\" or \"square\""));
  if (checkpoint.tiling)
    throw Error(Status::unsupported,
                cat(where, " is \"", value, "\", and the model cuts pictures into tiles (\"anyres\")"));
  apply_aspect_ratio(rules, value, where);
  const auto side = static_cast<int32_t>(checkpoint.config.vision.image_size);
  if (!rules.do_pad && rules.shortest_edge > 0 && !rules.do_center_crop) {
    rules.do_center_crop = true;
    rules.crop_height = rules.crop_width = side;
  }
  check_picture_size(rules, side);
  checkpoint.aspect_ratio = value;
  checkpoint.aspect_ratio_open = false;
}

}  // namespace llava::core
