// Small makers for tests of sessions: the tiny model, variants of it, questions and answers.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/files.hpp"
#include "generate/session.hpp"
#include "image/decode.hpp"
#include "support/doctest.hpp"
#include "support/temporary_folder.hpp"

inline const std::string kTinyModel = LLAVA_TEST_DATA "/golden/model/tiny";

inline std::shared_ptr<const llava::core::Bundle> tiny() {
  static const auto bundle = llava::core::load_bundle(kTinyModel, {});
  return bundle;
}

/// A model with `from` replaced by `to` in one of its small files. Throws when `from` is not there.
class Variant {
 public:
  Variant(const std::string& file, const std::string& from, const std::string& to,
          const std::string& model = kTinyModel) {
    for (const auto& entry : std::filesystem::directory_iterator(model))
      if (entry.is_regular_file()) std::filesystem::copy(entry.path(), folder_.path());
    std::ifstream in(model + "/" + file);
    std::string text(std::istreambuf_iterator<char>(in), {});
    const auto at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error(from + " is not in " + file);
    folder_.write(file, text.replace(at, from.size(), to));
  }
  const std::string& path() const { return folder_.path(); }
  std::shared_ptr<const llava::core::Bundle> load() const { return llava::core::load_bundle(folder_.path(), {}); }

 private:
  TemporaryFolder folder_;
};

inline std::shared_ptr<const llava::core::HashedPicture> picture(const char* name) {
  const auto bytes =
      llava::core::read_file(LLAVA_TEST_DATA + std::string("/golden/model/pictures/") + name, 1 << 20, name);
  return std::make_shared<const llava::core::HashedPicture>(
      llava::core::decode_picture({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, name, {}));
}

inline llava::core::Turn question(const std::string& text,
                                  std::shared_ptr<const llava::core::HashedPicture> image = nullptr) {
  llava::core::Turn turn;
  if (image) {
    auto& part = turn.parts.emplace_back();
    part.kind = llava::core::TurnPart::Kind::picture;
    part.picture = std::move(image);
  }
  turn.parts.emplace_back().text = text;
  return turn;
}

inline llava::core::Turn raw_turn(std::vector<int64_t> ids,
                                  std::vector<std::shared_ptr<const llava::core::ImageEmbedding>> embeddings = {}) {
  llava::core::Turn turn;
  auto& part = turn.parts.emplace_back();
  part.kind = llava::core::TurnPart::Kind::ids;
  part.ids = std::move(ids);
  part.embeddings = std::move(embeddings);
  return turn;
}

inline llava::core::ChatOptions greedy(int64_t max_tokens = 8) {
  llava::core::ChatOptions options;
  options.sampling.temperature = 0;
  options.max_tokens = max_tokens;
  return options;
}

inline llava::core::Response ask(llava::core::Session& session, llava::core::Turn turn,
                                 const llava::core::ChatOptions& options = greedy()) {
  return session.start(std::move(turn), options)->finish();
}
