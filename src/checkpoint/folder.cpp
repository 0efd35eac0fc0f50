// Folders of models.
#include "checkpoint/folder.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "checkpoint/vision_lookup.hpp"

namespace llava::core {

namespace fs = std::filesystem;

namespace {

constexpr auto kExpected = "a model is a folder with config.json and its weights";

// "llava-hf/llava-1.5-7b-hf" and the like: what people name where a library downloads.
bool looks_like_a_repository(const std::string& path) {
  const auto slash = path.find('/');
  return slash != path.npos && slash > 0 && slash + 1 < path.size() && path.find('/', slash + 1) == path.npos &&
         path.front() != '.' && path.front() != '~';
}

std::string not_there(const std::string& path) {
  if (!looks_like_a_repository(path)) return cat(path, " does not exist; ", kExpected);
  std::error_code unknown;
  const auto here = fs::current_path(unknown).string();
  const auto cached = hub_snapshot(path);
  return cat(path, " does not exist in ", here, "; nothing is downloaded",
             cached.empty()       ? std::string()
             : has_config(cached) ? cat(", but the Hugging Face cache has it: ", cached)
                                  : cat(", and the Hugging Face cache has no ", cached),
             "; ", kExpected);
}

// The first folder inside, in the order of names, that holds a config.json; "" for none.
std::string inner_model(const std::string& folder) {
  std::string first;
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), last; !failure && entry != last; entry.increment(failure)) {
    const auto inner = entry->path().string();
    if (has_config(inner) && (first.empty() || inner < first)) first = inner;
  }
  return first;
}

}  // namespace

std::string without_config(const std::string& folder) {
  auto inner = inner_model(folder + "/snapshots");
  if (inner.empty()) inner = inner_model(folder);
  return cat(folder, ": holds no config.json; ", kExpected,
             " (model.safetensors, pytorch_model.bin, or shards with an "
             "index) and tokenizer",
             inner.empty() ? "" : "; did you mean ", inner, inner.empty() ? "" : "?");
}

std::string model_folder(const std::string& path) {
  if (path.empty()) throw Error(Status::argument, "the model path is empty");
  if (static_cast<int64_t>(path.size()) > limits::kPathBytes)
    throw Error(Status::limit, cat("the model path has ", path.size(), " bytes, at most ", limits::kPathBytes));
  std::error_code failure;
  const auto status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found) throw Error(Status::not_found, not_there(path));
  if (failure) throw Error(Status::io, cat(path, ": ", failure.message()));
  if (!fs::is_directory(status)) throw Error(Status::unsupported, cat(path, " is no folder; ", kExpected));
  auto folder = fs::absolute(path, failure).lexically_normal().string();
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

std::string model_name(const std::string& folder) {
  const fs::path path(folder);
  const auto name = path.filename().string(), parent = path.parent_path().filename().string();
  if (name.starts_with("checkpoint-")) return parent + "_" + name;
  const auto repository = path.parent_path().parent_path().filename().string();
  if (parent != "snapshots" || !repository.starts_with("models--")) return name;
  return repository.substr(repository.rfind("--") + 2);
}

bool has_config(const std::string& folder) {
  std::error_code absent;
  return fs::is_regular_file(folder + "/config.json", absent);
}

}  // namespace llava::core
