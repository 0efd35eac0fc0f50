// Folders of models.
#include "checkpoint/folder.hpp"

#include <filesystem>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace llava::core {

namespace fs = std::filesystem;

std::string model_folder(const std::string& path) {
  constexpr auto kExpected = "a model is a folder with config.json and its weights";
  if (path.empty()) throw Error(Status::argument, "the model path is empty");
  if (static_cast<int64_t>(path.size()) > limits::kPathBytes)
    throw Error(Status::limit, cat("the model path has ", path.size(), " bytes, at most ", limits::kPathBytes));
  std::error_code failure;
  const auto status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found)
    throw Error(Status::not_found, cat(path, " does not exist; ", kExpected));
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
