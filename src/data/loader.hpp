// Samples made ahead by threads, handed out in order. What comes out depends on the list of indices alone; threads and
// depth change only when it is ready.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "data/pictures.hpp"
#include "data/record_index.hpp"
#include "data/sample.hpp"
#include "image/preprocess.hpp"

namespace llava::core {

/// One place of the order.
struct LoadedSample {
  int64_t position = 0;  // in the list of indices
  int64_t record = 0;    // index in the file
  std::string id;
  Sample sample;
  std::vector<Pixels> pixels;  // f32 [3, height, width] for each picture that is left after cutting
  bool skipped = false;        // it could not be used: no sample, no pixels; `problem` says why
  std::string problem;
};

struct LoaderOptions {
  PictureRules pictures;
  int32_t threads = 2;
  int32_t ahead = 16;    // samples made or in the making beyond the one handed out last; at least one a thread
  int64_t skip_bad = 0;  // records that may be unusable; one more is an error. -1: any number
  Cancel cancel;         // looked at by next() every 20 ms and while pictures are decoded
};

/// Used from one thread; the threads inside end with it.
class Loader {
 public:
  /// `indices` of the file, in the order wanted: a stretch of epoch_order(). Throws Error(argument) for an index outside
  /// the file or options out of range, Error(limit) when a thread cannot be started.
  Loader(std::shared_ptr<const RecordIndex> index, std::shared_ptr<const SampleMaker> maker,
         std::vector<int64_t> indices, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next one in order; false after the last. Throws what went wrong with exactly that one, whatever failed earlier
  /// in time further on: RecordError for an unusable record beyond skip_bad (the message then names those that were
  /// skipped before), Error(io) when the data file changed, Error(cancelled | timeout). After a throw it throws the same again.
  bool next(LoadedSample& out);

  /// "train.json: record 12 …: …" of each record skipped so far, in order.
  const std::vector<std::string>& skipped() const { return skipped_; }

  /// Nanoseconds next() has waited for samples that were not ready.
  int64_t waited_ns() const { return waited_ns_; }

 private:
  struct Shared;
  void count_skipped();

  std::shared_ptr<Shared> shared_;
  std::vector<std::string> skipped_;
  int64_t waited_ns_ = 0;
};

/// What one worker does for one record, without threads: sample, then the pictures that are left.
/// Throws RecordError, of kind no_target too.
LoadedSample load_sample(const RecordIndex& index, const SampleMaker& maker, int64_t record,
                         const PictureRules& pictures, const Cancel& cancel);

}  // namespace llava::core
