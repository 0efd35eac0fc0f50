// How fast a large data file is opened, checked and loaded, and in how much memory.
//
//   data_speed [--require] [--records N] [--bytes N]
//
// Writes a list of 665 000 records and 1 GB into a temporary folder (removed at the end), opens it, makes samples of it,
// and loads the held-out pictures of models/scenes at 84 x 84. With --require it fails unless opening took at most 10 s and
// 200 MB.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "data/check.hpp"
#include "data/loader.hpp"
#include "data/order.hpp"
#include "support/temporary_folder.hpp"

using namespace llava::core;

namespace {

const std::string kScenes = std::string(LLAVA_SOURCE_DIR) + "/models/scenes/";

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double peak_mb() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1000;
}

/// Dialogues of one to five rounds about the shapes of a scene; about 1.5 kB each.
std::string dialogue(int64_t number, int64_t bytes) {
  std::string text = "{\"id\": \"" + std::to_string(number) + "\", \"image\": \"" +
                     std::to_string(90000000 + number % 300) + ".png\", \"conversations\": [";
  std::string rounds;
  for (int round = 0; round == 0 || static_cast<int64_t>(text.size() + rounds.size()) < bytes - 200; ++round) {
    rounds +=
        std::string(round ? ", " : "") + "{\"from\": \"human\", \"value\": \"" + (round ? "" : "<image>\\n") +
        "What colour is the small circle at the top left, and what is below it?\"}, {\"from\": \"gpt\", \"value\": "
        "\"A small red circle at the top left. Below it is a large blue star, d\\u00e9j\\u00e0 vu \\\"" +
        std::to_string(number * 7919 % 1000) + "\\\".\"}";
  }
  return text + rounds + "]}";
}

void write_large(const std::string& path, int64_t records, int64_t bytes) {
  std::ofstream file(path, std::ios::binary);
  file << "[";
  for (int64_t i = 0; i < records; ++i) file << (i ? ",\n" : "\n") << dialogue(i, bytes / records);
  file << "\n]\n";
}

SampleRules scenes_rules() {
  SampleRules rules;
  rules.row = &find_template("llava_v1");
  rules.image_rows = 36;
  rules.max_length = 512;
  return rules;
}

void measure_loading(const RecordIndex& index, const std::shared_ptr<const SampleMaker>& maker, int32_t threads) {
  const auto shared = RecordIndex::open(index.path());
  std::vector<int64_t> order(2000);
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(i);
  LoaderOptions options;
  options.pictures.root = kScenes + "heldout";
  options.pictures.preprocess = clip_preprocess(84);
  options.threads = threads;
  const auto begin = std::chrono::steady_clock::now();
  Loader loader(shared, maker, order, options);
  for (LoadedSample sample; loader.next(sample);) {
  }
  std::printf("loader, %d threads: %.0f samples/s\n", threads, 2000 / seconds_since(begin));
}

int run(bool require, int64_t records, int64_t bytes) {
  const TemporaryFolder folder;
  const auto path = folder / "large.json";
  write_large(path, records, bytes);
  const double before_mb = peak_mb();
  auto begin = std::chrono::steady_clock::now();
  const auto index = RecordIndex::open(path);
  const double open_s = seconds_since(begin), open_mb = peak_mb();
  std::printf("%lld records, %.0f MB: opened in %.2f s, peak memory %.0f MB (%.0f MB before)\n",
              static_cast<long long>(index->size()), static_cast<double>(index->bytes()) / 1e6, open_s, open_mb,
              before_mb);

  begin = std::chrono::steady_clock::now();
  OrderSettings order{OrderKind::shuffled, 42, records, 128, 16, {}};
  epoch_order(order, 0);
  std::printf("shuffled order: %.2f s\n", seconds_since(begin));

  const auto maker =
      std::make_shared<const SampleMaker>(Tokenizer::from_file(kScenes + "tokenizer.model"), scenes_rules());
  constexpr int64_t kSome = 20000;
  begin = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < kSome; ++i) index->record(i * (records / kSome));
  std::printf("records read: %.0f a second, one thread\n", kSome / seconds_since(begin));
  begin = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < kSome / 10; ++i) maker->make(index->record(i));
  std::printf("samples made: %.0f a second, one thread\n", kSome / 10 / seconds_since(begin));

  const auto part = folder / "part.json";
  write_large(part, kSome / 4, bytes / records * kSome / 4);
  const auto some = RecordIndex::open(part);
  CheckOptions check;
  check.pictures.root = kScenes + "heldout";
  for (const auto depth : {PictureCheck::none, PictureCheck::whole}) {
    check.depth = depth;
    begin = std::chrono::steady_clock::now();
    const auto report = check_data(*some, *maker, check);
    std::printf("check, two threads, pictures %s: %.0f records/s, %zu unusable\n",
                depth == PictureCheck::none ? "not looked at" : "decoded", kSome / 4 / seconds_since(begin),
                report.bad.size());
  }
  for (const int32_t threads : {1, 2}) measure_loading(*some, maker, threads);
  if (require && (open_s > 10 || open_mb > 200)) {
    std::printf("expected at most 10 s and 200 MB\n");
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  bool require = false;
  int64_t records = 665000, bytes = 1000000000;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--require") == 0) require = true;
    if (std::strcmp(argv[i], "--records") == 0 && i + 1 < argc) records = std::atoll(argv[++i]);
    if (std::strcmp(argv[i], "--bytes") == 0 && i + 1 < argc) bytes = std::atoll(argv[++i]);
  }
  try {
    return run(require, records, bytes);
  } catch (const Error& error) {
    std::printf("%s\n", error.message().c_str());
    return 1;
  }
}
