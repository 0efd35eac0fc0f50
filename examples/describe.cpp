// Asks every picture of a folder the same question, as one JSON object: describe MODEL FOLDER QUESTION
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <llava/llava.hpp>

namespace {

std::string json(const std::string& text) {  // the library's texts are UTF-8
  std::string out = "\"";
  for (const char c : text) {
    char code[8];
    std::snprintf(code, sizeof code, "\\u%04x", c);
    out += c == '"' || c == '\\' ? std::string{'\\', c} : static_cast<unsigned char>(c) < 0x20 ? code : std::string{c};
  }
  return out + '"';
}

std::vector<std::filesystem::path> files_in(const std::string& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// A file that is no picture, or one that cannot be used, gets its error; the others go on.
std::string describe(const llava::Model& model, const std::string& path, const std::string& question) try {
  llava::ChatOptions options;
  options.temperature = 0;
  llava::Session session(model);
  return "{\"text\": " + json(session.chat(llava::Image(path), question, options).text()) + "}";
} catch (const llava::Error& error) {
  return "{\"status\": \"" + std::string(llava_status_name(error.code())) + "\", \"error\": " + json(error.what()) +
         "}";
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: describe MODEL FOLDER QUESTION");
  const auto model = llava::load(argv[1]);
  const char* before = "{";
  for (const auto& file : files_in(argv[2])) {
    std::cout << before << json(file.filename().string()) << ": " << describe(model, file.string(), argv[3])
              << std::flush;
    before = ",\n ";
  }
  std::cout << (*before == '{' ? "{}\n" : "}\n");
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
