// LoRA folders.
#include "checkpoint/adapter_files.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/utf8.hpp"
#include "model/weight_names.hpp"
#include "weights/safetensors.hpp"
#include "weights/torch_file.hpp"

namespace llava::core {
namespace {

constexpr const char* kConfig = "adapter_config.json";
constexpr const char* kRest = "non_lora_trainables.bin";

bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

std::string_view without(std::string_view text, std::string_view begin) {
  return text.starts_with(begin) ? text.substr(begin.size()) : text;
}

std::string without_piece(std::string text, std::string_view piece) {
  const auto at = text.find(piece);
  return at == text.npos ? text : text.erase(at, piece.size());
}

// "…modules_to_save.default.weight" -> "….weight"
std::string without_wrapper(std::string name) {
  constexpr std::string_view kWrapper = ".modules_to_save.";
  const auto at = name.find(kWrapper);
  if (at == name.npos) return without_piece(std::move(name), ".base_layer");
  const auto end = name.find('.', at + kWrapper.size());
  return end == name.npos ? name : name.erase(at, end - at);
}

std::string found_text(const TensorView& view) {
  return cat(view.file, ": ", printable(view.name), " is ", shape_text(view.shape), ' ', dtype_name(view.dtype));
}

// What a name with "lora_" in it is: a half of a product, or nothing that is computed here.
struct LoraName {
  std::string path;
  bool up = false;
};

std::optional<LoraName> lora_name(std::string_view name) {
  for (const bool up : {false, true}) {
    const std::string_view mark = up ? ".lora_B." : ".lora_A.";
    const auto at = name.find(mark);
    if (at == name.npos) continue;
    const auto rest = name.substr(at + mark.size());  // "weight", or "default.weight"
    const auto dot = rest.find('.');
    const auto last = dot == rest.npos ? rest : rest.substr(dot + 1);
    if (last == "weight") return LoraName{std::string(name.substr(0, at)), up};
  }
  return std::nullopt;
}

class Matcher {
 public:
  Matcher(AdapterFiles& files, const HeldTensors& held, int64_t needed_blocks)
      : files_(files), held_(held), needed_blocks_(needed_blocks) {}

  // As the original strips them: "base_model." first, then one "model." when any name begins with two.
  void add_rest(const TensorMap& map) {
    bool doubled = false;
    for (const auto& view : map.all()) doubled |= without(view.name, "base_model.").starts_with("model.model.");
    Seen seen;
    for (const auto& view : map.all()) {
      auto name = without(view.name, "base_model.");
      if (doubled) name = without(name, "model.");
      replace(without_wrapper(std::string(name)), view, seen);
    }
  }

  void add_model(const TensorMap& map) {
    Seen seen;
    for (const auto& view : map.all()) {
      const auto name = std::string(without(view.name, "base_model.model."));
      if (name.find("lora_") == name.npos)
        replace(without_wrapper(name), view, seen);
      else if (const auto lora = lora_name(name))
        add_half(*lora, view);
      else
        others_.push_back(printable(view.name));
    }
  }

  void finish() {
    for (auto& [path, halves] : halves_) pair(path, halves);
    if (files_.config.names_targets()) tell_holes();
    if (files_.added.empty() && files_.replaced.empty() && !any_fault()) lone_.push_back("there are no LoRA matrices");
    if (!any_fault()) return;
    std::string text;
    const auto tell = [&](const char* what, const std::vector<std::string>& list) {
      if (!list.empty()) text += cat(text.empty() ? "" : "; ", first_ten(what, list));
    };
    tell("tensors are no plain LoRA", others_);
    tell("tensors were made for other shapes", misfits_);
    tell("tensors match nothing in the model", strangers_);
    tell("tensors are not among target_modules and layers_to_transform", off_target_);
    tell("tensors cannot be used", lone_);
    const bool foreign = !others_.empty() || !misfits_.empty() || !strangers_.empty();
    throw Error(foreign ? Status::unsupported : Status::format, cat(files_.folder, ": ", text));
  }

 private:
  struct Halves {
    std::optional<TensorView> down, up;
  };
  struct Kind {        // of layers, "language.layers.N.self_attn.q_proj"
    std::string path;  // of one of them
    std::set<int64_t> numbers;
  };
  using Seen = std::map<std::string, std::string>;  // canonical name: published

  bool any_fault() const {
    return !others_.empty() || !misfits_.empty() || !strangers_.empty() || !off_target_.empty() || !lone_.empty();
  }

  void replace(const std::string& name, const TensorView& view, Seen& seen) {
    const auto canonical = canonical_name(name);
    if (!canonical.empty() && is_unused_tensor(canonical, needed_blocks_)) {
      files_.unused.push_back(view.name);
      return;
    }
    const auto held = held_.tensors.find(canonical);
    if (canonical.empty() || held == held_.tensors.end()) {
      strangers_.push_back(printable(view.name));
      return;
    }
    const auto [entry, fresh] = seen.emplace(canonical, view.name);
    if (!fresh) return lone_.push_back(cat(printable(view.name), " and ", printable(entry->second), " are one tensor"));
    if (view.shape != held->second.shape)
      return misfits_.push_back(cat(found_text(view), ", the model has ", shape_text(held->second.shape)));
    if (!is_float(view.dtype)) return lone_.push_back(cat(found_text(view), ", expected f32, f16 or bf16"));
    files_.replaced[canonical] = view;
  }

  void add_half(const LoraName& name, const TensorView& view) {
    auto& halves = halves_[name.path];
    auto& half = name.up ? halves.up : halves.down;
    if (half) return lone_.push_back(cat(printable(view.name), " and ", printable(half->name), " are one tensor"));
    half = view;
  }

  void pair(const std::string& path, const Halves& halves) {
    const auto& any = halves.down ? *halves.down : *halves.up;
    if (!halves.down || !halves.up)
      return lone_.push_back(cat(printable(any.name), " has no lora_", halves.down ? 'B' : 'A', " beside it"));
    if (!is_float(halves.down->dtype) || !is_float(halves.up->dtype))
      return lone_.push_back(
          cat(found_text(is_float(halves.down->dtype) ? *halves.up : *halves.down), ", expected f32, f16 or bf16"));
    constexpr std::string_view kWeight = ".weight";
    auto layer = canonical_name(path + std::string(kWeight));
    if (!layer.empty() && is_unused_tensor(layer, needed_blocks_) && !held_.tensors.count(layer)) {
      files_.unused.push_back(halves.down->name);
      files_.unused.push_back(halves.up->name);
      return;
    }
    const auto held = held_.tensors.find(layer);
    if (!layer.empty()) layer.resize(layer.size() - kWeight.size());
    if (held == held_.tensors.end() || !held_.layers.count(layer)) return strangers_.push_back(printable(any.name));
    auto& kind = kinds_[renumbered(layer, "N")];
    kind.path = path;
    kind.numbers.insert(number_of(layer));
    if (!files_.config.targets_path(path) || !files_.config.targets_layer(number_of(layer)))
      return off_target_.push_back(printable(any.name));
    check_shape(*halves.down, {files_.config.rank_of(path), held->second.shape[1]}, path);
    check_shape(*halves.up, {held->second.shape[0], files_.config.rank_of(path)}, path);
    files_.added[layer] = {*halves.down, *halves.up, files_.config.strength_of(path)};
  }

  static constexpr std::string_view kMark = "layers.";

  // 3 of "language.layers.3.self_attn.q_proj"; -1 for layers without a number
  static int64_t number_of(std::string_view layer) {
    const auto at = layer.find(kMark);
    return at == layer.npos ? -1 : std::atoll(std::string(layer.substr(at + kMark.size())).c_str());
  }

  static std::string renumbered(const std::string& layer, const std::string& number) {
    const auto begin = layer.rfind(kMark);
    if (begin == layer.npos) return layer;
    const auto digits = begin + kMark.size();
    return layer.substr(0, digits) + number + layer.substr(std::min(layer.find('.', digits), layer.size()));
  }

  // Blocks that should have matrices and have not, of kinds of layers that others have some for: a file that lost them,
  // or one made by hand. PEFT warns too, and counts them as zero.
  void tell_holes() const {
    std::vector<std::string> holes;
    for (const auto& layer : held_.layers) {
      const auto number = number_of(layer);
      const auto kind = kinds_.find(renumbered(layer, "N"));
      if (number < 0 || kind == kinds_.end() || kind->second.numbers.count(number)) continue;
      const auto path = renumbered(kind->second.path, std::to_string(number));
      if (files_.config.targets_layer(number) && files_.config.targets_path(path)) holes.push_back(printable(path));
    }
    if (!holes.empty()) log_warning(cat(files_.folder, ": ", first_ten("target_modules have no matrices", holes)));
  }

  void check_shape(const TensorView& view, const std::vector<int64_t>& expected, const std::string& path) {
    if (view.shape == expected) return;
    misfits_.push_back(cat(found_text(view), ", expected ", shape_text(expected), " (rank ",
                           files_.config.rank_of(path), " in ", kConfig, ')'));
  }

  AdapterFiles& files_;
  const HeldTensors& held_;
  const int64_t needed_blocks_;
  std::map<std::string, Halves> halves_;  // by path
  std::map<std::string, Kind> kinds_;
  std::vector<std::string> others_, misfits_, strangers_, off_target_, lone_;
};

TensorMap open_weights(AdapterFiles& files, const OpenOptions& options) {
  for (const char* name : {"adapter_model.safetensors", "adapter_model.bin"}) {
    const auto path = files.folder + "/" + name;
    if (!file_exists(path)) continue;
    files.names.push_back(name);
    return std::string_view(name).ends_with(".bin") ? open_torch_file(path, options) : open_safetensors(path, options);
  }
  throw Error(Status::not_found, cat(files.folder, ": holds neither adapter_model.safetensors nor adapter_model.bin"));
}

std::string folder_of(const std::string& path) {
  if (path.empty()) throw Error(Status::argument, "the adapter's path is empty");
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (status.type() == std::filesystem::file_type::not_found)
    throw Error(Status::not_found, cat(path, " does not exist; an adapter is a folder with ", kConfig));
  if (failure) throw Error(Status::io, cat(path, ": ", failure.message()));
  if (!std::filesystem::is_directory(status))
    throw Error(Status::unsupported, cat(path, " is no folder; an adapter is a folder with ", kConfig));
  auto folder = std::filesystem::absolute(path).lexically_normal().string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

template <typename Visit>
void each_view(const AdapterFiles& files, Visit&& visit) {
  for (const auto& [name, views] : files.added) {
    visit(views.down);
    visit(views.up);
  }
  for (const auto& [name, view] : files.replaced) visit(view);
}

}  // namespace

bool AdapterFiles::changes_images() const {
  const auto shows = [](const auto& entry) {
    return entry.first.starts_with("vision.") || entry.first.starts_with("projector.");
  };
  return std::any_of(added.begin(), added.end(), shows) || std::any_of(replaced.begin(), replaced.end(), shows);
}

int64_t AdapterFiles::parameters() const {
  int64_t count = 0;
  each_view(*this,
            [&](const TensorView& view) { count += static_cast<int64_t>(view.size_bytes / dtype_bytes(view.dtype)); });
  return count;
}

int64_t AdapterFiles::size_bytes() const {
  int64_t bytes = 0;
  each_view(*this, [&](const TensorView& view) { bytes += static_cast<int64_t>(view.size_bytes); });
  return bytes;
}

AdapterFiles open_adapter(const std::string& path, const HeldTensors& held, int64_t needed_blocks,
                          const OpenOptions& options) {
  options.cancel.poll("adapter");
  AdapterFiles files;
  files.folder = folder_of(path);
  const auto config = files.folder + "/" + kConfig;
  files.config_text = read_file(config, limits::kConfigJsonBytes, config);
  files.config = parse_adapter_config(parse_json(files.config_text, config), config);
  if (const auto rules = files.folder + "/preprocessor_config.json"; file_exists(rules)) {
    const auto json = parse_json(read_file(rules, limits::kConfigJsonBytes, rules), rules);
    if (json.contains("do_pad")) files.aspect_ratio = read_bool(json, "do_pad", rules, false) ? "pad" : "square";
  }
  Matcher matcher(files, held, needed_blocks);
  const auto add_files = [&](const TensorMap& map) {
    files.files.insert(files.files.end(), map.mapped_files().begin(), map.mapped_files().end());
  };
  const auto weights = open_weights(files, options);
  if (file_exists(files.folder + "/" + kRest)) {
    const auto rest = open_torch_file(files.folder + "/" + kRest, options);
    files.names.push_back(kRest);
    matcher.add_rest(rest);
    add_files(rest);
  }
  matcher.add_model(weights);
  add_files(weights);
  matcher.finish();
  return files;
}

}  // namespace llava::core
