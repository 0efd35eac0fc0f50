// A small run: ten records, a tiny model, and what it leaves.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/files.hpp"
#include "support/temporary_folder.hpp"
#include "train/run.hpp"

// after everything that includes LibTorch: files that include this one put it last
#include "support/doctest.hpp"

namespace run_test {

using namespace llava::core;

inline const std::string kTiny = LLAVA_TEST_DATA "/golden/model/tiny";
inline const std::string kPictures = LLAVA_TEST_DATA "/golden/image/pictures";
inline constexpr int64_t kRecords = 10;

/// Questions and answers, every third without a picture; record `broken` names a picture that is not there.
inline std::string write_records(const TemporaryFolder& folder, int64_t broken = -1) {
  const auto path = folder.path() + "/data.json";
  std::ofstream file(path);
  file << "[\n";
  for (int64_t i = 0; i < kRecords; ++i) {
    const bool picture = i % 3 != 2 || i == broken;
    file << R"({"id": "r)" << i << '"';
    if (picture)
      file << R"(, "image": ")" << (i == broken ? "gone.png" : i % 2 ? "photo.png" : "baseline-420.jpg") << '"';
    file << R"(, "conversations": [{"from": "human", "value": ")" << (picture ? "<image>\\n" : "") << "What is "
         << i * i << R"(?"}, {"from": "gpt", "value": "A number )" << i << R"(."}]})"
         << (i + 1 < kRecords ? ",\n" : "\n");
  }
  file << "]\n";
  return path;
}

struct Bench {
  TemporaryFolder folder;
  std::string data = write_records(folder);

  RunSettings settings(const std::string& out, int64_t stage = 2) const {
    auto settings = preset_settings("llava-1.5", stage);
    settings.model = kTiny;
    settings.data = data;
    settings.images = kPictures;
    settings.out = folder.path() + "/" + out;
    settings.batch = 4;
    settings.micro_batch = 2;
    settings.epochs = 2;  // three steps each, the last of two samples
    settings.lr = 2e-3;
    settings.loader_threads = 1;
    return settings;
  }
};

/// Runs to the end, or for `steps` steps and a snapshot. Returns the losses.
inline std::vector<double> run(const RunSettings& settings, int64_t steps = INT64_MAX) {
  std::vector<double> losses;
  TrainingRun training(settings, {}, {});
  while (!training.finished() && steps-- > 0) {
    training.step();
    losses.push_back(training.last()->loss);
  }
  training.save();
  if (training.finished()) training.write_result();
  return losses;
}

inline std::string weights_of(const std::string& folder) { return read_file(folder + "/model.safetensors", 1 << 30); }

inline std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace run_test
