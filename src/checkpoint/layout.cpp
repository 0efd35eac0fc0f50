// Recognising layouts.
#include "checkpoint/layout.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/limits.hpp"
#include "checkpoint/folder.hpp"
#include "checkpoint/problems.hpp"
#include "checkpoint/sources.hpp"
#include "checkpoint/vision_lookup.hpp"
#include "model/config_json.hpp"
#include "model/original_config.hpp"
#include "weights/weight_folder.hpp"

namespace llava::core {
namespace {

enum class Kind { hf, original, language };

Kind kind_of(const Json& json, const std::string& where) {
  if (!json.is_object()) throw Error(Status::format, cat(where, ": is no JSON object"));
  if (json.contains("text_config")) return Kind::hf;
  const auto type = read_string(json, "model_type", where, "");
  const bool wrapped = type == "llava" || type == "llava_llama" || type == "llava_mistral";
  if (find_value(json, "mm_vision_tower", where) || find_value(json, "mm_projector_type", where) || wrapped)
    return Kind::original;
  if (type == "llama" || type == "mistral") return Kind::language;
  throw Error(Status::unsupported,
              cat(where, ": model_type is \"", type,
                  "\"; read here: llava (LlavaForConditionalGeneration or the "
                  "original repository's), llava_next, llava_llama, llava_mistral, and llama or mistral with a "
                  "projector"));
}

std::string listed(const std::vector<std::string>& places) {
  std::string text;
  for (const auto& place : places) text += cat(text.empty() ? "" : ", ", place);
  return text.empty() ? "nowhere" : text;
}

Json json_file(const std::string& path) { return parse_json(read_file(path, limits::kConfigJsonBytes), path); }

// The deepest layer and widths that a file's projector has.
int64_t projector_depth(const NamedTensors& tensors) {
  int64_t depth = 0;
  while (tensors.has(cat("projector.linear_", depth + 1, ".weight"))) ++depth;
  return depth;
}

// A file, or the folder it was written to.
std::string projector_file(const std::string& path) {
  std::error_code absent;
  if (path.empty() || !std::filesystem::is_directory(path, absent)) return path;
  for (const char* name : {"mm_projector.safetensors", "mm_projector.bin"}) {
    auto file = (std::filesystem::path(path) / name).string();
    if (file_exists(file)) return file;
  }
  throw Error(Status::not_found, cat("projector: ", path,
                                     " is a folder that holds neither mm_projector.safetensors nor mm_projector.bin; "
                                     "name the file"));
}

// What `work` throws says where.
template <typename Work>
void naming(const std::string& where, Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.message().find(where) != std::string::npos || !is_fault_of_files(error.status())) throw;
    Error told(error.status(), cat(where, ": ", error.message()));
    for (const auto& detail : error.details()) told.with(detail);
    throw told;
  }
}

TileMerge merge_named(const std::string& name) {
  for (const auto merge : {TileMerge::flat, TileMerge::spatial})
    if (name == tile_merge_name(merge)) return merge;
  return TileMerge::spatial_unpad;  // model/original_config knows no fourth
}

class Finder {
 public:
  Finder(Checkpoint& checkpoint, const Json& json, const LoadOptions& options)
      : checkpoint_(checkpoint),
        json_(json),
        options_(options),
        projector_(projector_file(options.projector)),
        where_(checkpoint.path + "/config.json") {}

  FoundLayout find() {
    const auto kind = kind_of(json_, where_);
    if (!options_.new_projector.type.empty() && !projector_.empty())
      throw Error(Status::argument, "both a projector and a new_projector are given, expected one");
    if (kind == Kind::language && projector_.empty()) use_projector_of_adapter();
    std::string names;
    opened_ =
        collecting(found_.problems, [&] { names = add_model_weights(found_.tensors, checkpoint_.path, options_); });
    if (!opened_) found_.absent = {"language.", "lm_head.", "image_newline", "projector.", "vision."};
    add_source(kind == Kind::language ? "language model" : "model", checkpoint_.path, "named by the caller");
    if (kind == Kind::hf)
      read_hf(names);
    else
      read_original(kind);
    if (!projector_.empty() && kind == Kind::hf) replace_projector(checkpoint_.config.projector.depth);
    if (!options_.new_projector.type.empty()) begin_projector();
    if (opened_) tie_missing_head();
    return std::move(found_);
  }

 private:
  void was_opened(const std::string& prefix) { std::erase(found_.absent, prefix); }

  void add_source(const char* role, const std::string& path, const std::string& why) {
    checkpoint_.sources.push_back({role, path, why});
  }

  // As LLaVA's LoRA runs are published: the base is a language model, the projector lies with the matrices.
  void use_projector_of_adapter() {
    if (options_.adapter.empty()) return;
    const auto file = (std::filesystem::path(options_.adapter) / "non_lora_trainables.bin").string();
    if (file_exists(file)) projector_ = file;
  }

  void note(const std::string& text) { checkpoint_.notes.push_back(text); }

  void read_hf(const std::string& names) {
    checkpoint_.config = parse_model_config(json_, where_);
    checkpoint_.layout = names == "hf-5" ? "hf-5" : "hf";
    checkpoint_.family = "llava-1.5";
    // kept through a conversion from the original layout; transformers has no word for it
    found_.companions.start_end = read_bool(json_, "mm_use_im_start_end", where_, false);
    if (!options_.vision_tower.empty()) {
      const auto own = checkpoint_.config.vision;
      checkpoint_.config.vision = separate_tower("");
      if (!std::exchange(checkpoint_.vision_known, true)) checkpoint_.config.vision = own;
      check_model_config(checkpoint_.config, "vision_feature_layer", where_);
    }
    if (!checkpoint_.config.image_newline) return;
    checkpoint_.family = "llava-next";
    if (!checkpoint_.vision_known) return;
    read_tiling(json_, where_, GridFile::hf, TileMerge::spatial_unpad);
  }

  void read_tiling(const Json& json, const std::string& where, GridFile file, TileMerge merge) {
    const auto& config = checkpoint_.config;
    TilingConfig tiling;
    tiling.rule = options_.tile_rule.value_or(file == GridFile::hf ? TileRule::hf : TileRule::original);
    tiling.merge = merge;
    tiling.side = config.vision.image_size;
    tiling.patches = config.vision.grid();
    tiling.rows_per_tile = config.tokens_per_image();
    tiling.grids = read_grids(json, where, file, tiling.rule, tiling.side);
    checkpoint_.tiling = std::move(tiling);
  }

  void read_original(Kind kind) {
    auto settings = kind == Kind::language ? settings_beside_projector() : parse_original_settings(json_, where_);
    checkpoint_.layout = kind == Kind::language ? "parts" : "original";
    if (!projector_.empty()) {
      replace_projector(0);
      if (found_.tensors.has_prefix("projector.")) settings.projector_depth = projector_depth(found_.tensors);
    }
    const bool inside = options_.vision_tower.empty() && holds_tower();
    auto vision = inside ? tower_inside(settings.vision_tower) : separate_tower(settings.vision_tower);
    if (!checkpoint_.vision_known && settings.tower_width > 0) vision.width = settings.tower_width;
    checkpoint_.config = original_model_config(json_, settings, vision, where_);
    const bool linear = settings.projector_depth == 1;
    checkpoint_.family = !linear ? "llava-1.5" : settings.start_end ? "llava-v0" : "llava-v1";
    found_.companions.original = true;
    found_.companions.aspect_ratio = settings.aspect_ratio;
    found_.companions.projector_only = settings.projector_only;
    found_.companions.start_end = settings.start_end;
    found_.companions.patch_token = settings.patch_token;
    if (settings.aspect_ratio != "anyres") return;
    checkpoint_.family = "llava-next";
    if (!checkpoint_.vision_known) return;
    const auto where = beside_.is_null() ? where_ : beside_projector();
    read_tiling(beside_.is_null() ? json_ : beside_, where, GridFile::original, merge_named(settings.merge_type));
  }

  void begin_projector() {
    auto& config = checkpoint_.config;
    config.projector = {projector_layers(options_.new_projector.type), true, Activation::gelu};
    make_projector(found_.tensors, options_.new_projector, config.feature_width(), config.language.width);
    add_source("projector", kNewProjectorFile, "asked for by the caller");
  }

  std::string beside_projector() const {
    return (std::filesystem::path(projector_).parent_path() / "config.json").string();
  }

  // A language model by itself: the rest of the settings lies beside the projector, where training wrote them.
  OriginalSettings settings_beside_projector() {
    if (projector_.empty() && !options_.new_projector.type.empty()) {
      note("a new projector: layer -2, no class token, centre crop");
      OriginalSettings settings;
      settings.patch_token = false;
      settings.projector_depth = projector_layers(options_.new_projector.type);
      return settings;
    }
    if (projector_.empty())
      throw Error(Status::unsupported, cat(where_,
                                           ": describes a language model alone; name a projector "
                                           "(mm_projector.bin or .safetensors) and a vision_tower, or an adapter with "
                                           "non_lora_trainables.bin, or train a new_projector"));
    const auto beside = beside_projector();
    if (file_exists(beside)) {
      note(cat("features and picture shape as ", beside, " says"));
      beside_ = json_file(beside);
      auto settings = parse_original_settings(beside_, beside);
      settings.start_end = settings.patch_token = false;  // their tokens would need rows that the base does not have
      return settings;
    }
    note("no config.json beside the projector: layer -2, no class token, centre crop");
    OriginalSettings settings;
    settings.patch_token = false;
    return settings;
  }

  // Where the weights could not be opened their index tells, and without one the benefit of the doubt.
  bool holds_tower() const {
    if (opened_) return found_.tensors.has_prefix("vision.");
    const auto names = listed_tensors(checkpoint_.path);
    return names.empty() || std::any_of(names.begin(), names.end(), [](const std::string& name) {
             return canonical_name(name).starts_with("vision.");
           });
  }

  // Of a tower that is not there: what its name stands for.
  VisionConfig assumed_tower(const std::string& name) {
    if (const auto known = known_tower(name)) {
      note(cat("sizes of the vision tower from its name, ", name));
      return *known;
    }
    checkpoint_.vision_known = false;
    VisionConfig unknown;
    unknown.width = 0;
    unknown.image_size = unknown.patch_size;
    unknown.layers = limits::kLayers;  // whatever layer is asked for may be there
    return unknown;
  }

  VisionConfig tower_inside(const std::string& name) {
    VisionConfig vision;
    const bool known = collecting(found_.problems, [&] { vision = tower_inside_sizes(name); });
    return known ? vision : assumed_tower(name);
  }

  VisionConfig tower_inside_sizes(const std::string& name) {
    const auto place = find_vision_tower(name, "", checkpoint_.path);
    if (!place.folder.empty()) {
      add_source("configuration of the vision tower", place.folder, place.why);
      found_.companions.tower_folder = place.folder;
      const auto where = place.folder + "/config.json";
      return parse_tower_config(json_file(where), where);
    }
    const auto known = known_tower(name);
    if (!known)
      throw Error(Status::not_found, cat(where_, ": the checkpoint holds the weights of its vision tower \"", name,
                                         "\" and not its configuration; looked for a config.json in ",
                                         listed(place.looked), "; name its folder as vision_tower"));
    note(cat("sizes of the vision tower from its name, ", name));
    return *known;
  }

  VisionConfig separate_tower(const std::string& name) {
    std::optional<VisionConfig> vision;
    found_.tensors.remove_prefix("vision.");
    if (collecting(found_.problems, [&] { open_tower(name, vision); }))
      was_opened("vision.");
    else
      found_.absent.push_back("vision.");
    return vision ? *vision : assumed_tower(name);
  }

  // Configuration first: it tells the sizes of a tower whose weights are damaged.
  void open_tower(const std::string& name, std::optional<VisionConfig>& vision) {
    const auto place = find_vision_tower(name, options_.vision_tower, checkpoint_.path);
    if (place.folder.empty())
      throw Error(Status::not_found, name.empty() ? where_ + " names no vision tower; name its folder as vision_tower"
                                                  : cat(where_, ": the vision tower \"", name,
                                                        "\" was not found; looked in ", listed(place.looked),
                                                        "; name its folder as vision_tower (nothing is downloaded)"));
    add_source("vision tower", place.folder, place.why);
    found_.companions.tower_folder = place.folder;
    const auto where = place.folder + "/config.json";
    vision = parse_tower_config(json_file(where), where);
    naming(cat("vision tower ", place.folder), [&] { add_tower_weights(found_.tensors, place.folder, options_); });
  }

  void replace_projector(int64_t expected_depth) {
    found_.tensors.remove_prefix("projector.");
    const bool named = !options_.projector.empty();
    add_source("projector", projector_, named ? "named by the caller" : "beside the adapter");
    const bool opened = collecting(found_.problems, [&] {
      naming(projector_, [&] { add_projector_weights(found_.tensors, projector_, options_); });
    });
    if (!opened) return found_.absent.push_back("projector.");
    was_opened("projector.");
    const auto depth = projector_depth(found_.tensors);
    if (expected_depth > 0 && depth != expected_depth)
      throw Error(Status::format,
                  cat(projector_, ": has ", depth, " linear layers, ", where_, " expects ", expected_depth));
  }

  // transformers fills an absent head with random numbers; what was meant is a head shared with the embeddings
  void tie_missing_head() {
    auto& language = checkpoint_.config.language;
    if (language.tied_head || found_.tensors.has("lm_head.weight")) return;
    language.tied_head = true;
    note("lm_head.weight is absent: the token embeddings are the head too");
  }

  Checkpoint& checkpoint_;
  const Json& json_;
  const LoadOptions& options_;
  std::string projector_;    // file
  bool opened_ = true;       // the weights in the model's folder
  const std::string where_;  // in messages
  Json beside_;              // config.json beside a projector of its own, null when there is none
  FoundLayout found_;
};

}  // namespace

FoundLayout find_layout(Checkpoint& checkpoint, const Json& config, const LoadOptions& options) {
  return Finder(checkpoint, config, options).find();
}

}  // namespace llava::core
