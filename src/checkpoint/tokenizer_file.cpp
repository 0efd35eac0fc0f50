#include "checkpoint/tokenizer_file.hpp"

#include "base/error.hpp"
#include "base/files.hpp"

namespace llava::core {

std::shared_ptr<const Tokenizer> open_tokenizer(const std::string& folder, const TokenizerSettings& settings,
                                                std::string& file, std::string& unused) {
  const bool has_model = file_exists(folder + "/tokenizer.model");
  const bool has_json = file_exists(folder + "/tokenizer.json");
  if (!has_model && !has_json)
    throw Error(Status::not_found, cat(folder, " has neither tokenizer.model nor tokenizer.json"));
  file = has_model ? "tokenizer.model" : "tokenizer.json";
  unused = has_model && has_json ? "tokenizer.json" : "";
  const std::string path = folder + "/" + file;
  return has_model ? Tokenizer::from_file(path, settings.added)
                   : Tokenizer::from_json_file(path, settings.added, settings.names);
}

}  // namespace llava::core
