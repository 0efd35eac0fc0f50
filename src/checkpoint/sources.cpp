// Files to canonical names.
#include "checkpoint/sources.hpp"

#include "base/error.hpp"
#include "weights/finite.hpp"
#include "weights/safetensors.hpp"
#include "weights/torch_file.hpp"
#include "weights/weight_folder.hpp"

namespace llava::core {
namespace {

OpenOptions open_options(const LoadOptions& options) {
  OpenOptions open;
  open.map = options.map;
  open.checksums = options.verify;
  open.allow_pickle = options.allow_pickle;
  open.cancel = options.cancel;
  if (options.progress)
    open.progress = [&options](int64_t done, int64_t total, std::string_view file) {
      options.progress({"weights", done, total, file});
    };
  return open;
}

void keep_files(NamedTensors& tensors, const TensorMap& map, const LoadOptions& options) {
  check_unchanged(map);
  if (options.verify) check_finite(map, options.cancel);
  tensors.files.insert(tensors.files.end(), map.mapped_files().begin(), map.mapped_files().end());
}

}  // namespace

std::string add_model_weights(NamedTensors& tensors, const std::string& folder, const LoadOptions& options) {
  const auto map = open_weight_folder(folder, open_options(options));
  keep_files(tensors, map, options);
  std::string layout;
  for (const auto& view : map.all()) {
    std::string_view row;
    auto name = canonical_name(view.name, &row);
    if (name == "language.norm.weight") layout = row;
    if (name.empty())
      tensors.unknown.push_back(view.name);
    else
      tensors.add(std::move(name), view);
  }
  return layout;
}

void add_tower_weights(NamedTensors& tensors, const std::string& folder, const LoadOptions& options) {
  const auto map = open_weight_folder(folder, open_options(options));
  keep_files(tensors, map, options);
  for (const auto& view : map.all()) {
    if (is_text_tower_tensor(view.name)) continue;
    auto name = canonical_name(view.name);
    if (name.starts_with("vision."))
      tensors.add(std::move(name), view);
    else
      tensors.unknown.push_back(view.name);
  }
}

void add_projector_weights(NamedTensors& tensors, const std::string& path, const LoadOptions& options) {
  const auto map = std::string_view(path).ends_with(".safetensors") ? open_safetensors(path, open_options(options))
                                                                    : open_torch_file(path, open_options(options));
  keep_files(tensors, map, options);
  for (const auto& view : map.all()) {
    auto name = projector_name(view.name);
    if (view.name.find("embed_tokens") != view.name.npos || view.name.find("embed_in") != view.name.npos)
      throw Error(Status::unsupported, cat(path, ": holds ", view.name, ' ', shape_text(view.shape),
                                           " beside the projector (a run with mm_use_im_start_end); token embeddings "
                                           "of a projector file are not read"));
    if (name.empty())
      tensors.unknown.push_back(view.name);
    else
      tensors.add(std::move(name), view);
  }
  if (!tensors.has_prefix("projector."))
    throw Error(Status::format, cat(path, ": holds no projector; expected names such as mm_projector.0.weight"));
}

}  // namespace llava::core
