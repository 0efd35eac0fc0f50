// The samples of a run, step after step: order, records and pictures in, leaves out. What a step sees is a function of the
// settings and its number alone, so a run goes on anywhere without a state of its own.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "data/loader.hpp"
#include "train/settings.hpp"

namespace llava::core {

/// A data file with the eyes of a model.
struct RunData {
  std::shared_ptr<const RecordIndex> index;
  std::shared_ptr<const SampleMaker> maker;
  PictureRules pictures;
};
using CountProgress = std::function<void(const char* phase, int64_t done, int64_t total)>;  // may throw to stop

/// Pictures are looked for below settings.images; without one below the folder of the file itself.
RunData open_data(const std::string& path, const RunSettings& settings, const Checkpoint& model,
                  const CountProgress& progress, const Cancel& cancel);

/// Where nothing of the language model learns, a record without a picture teaches nothing. Counts those of a file, reading
/// every record (phase "pictures"); those that cannot be read are left out.
/// Throws Error(format) when not one has a picture, Error(io | cancelled | timeout).
int64_t count_without_picture(const RunData& data, const std::string& learns, const CountProgress& progress,
                              const Cancel& cancel);

/// The same from counts: throws when there are records and none has a picture.
void require_pictures(const std::string& path, int64_t records, int64_t without, const std::string& learns);

/// What a step is made of. The samples live until the next call of next().
struct StepSamples {
  std::vector<Leaf> leaves;                   // all of the step; a record that was skipped is missing in its own
  std::vector<std::vector<int64_t>> records;  // of each leaf, their places in the file, from 0
  int64_t epoch = 0;                          // from 0
  std::vector<std::string> skipped;           // since the call before: "train.json: record 12 …: …"
  int64_t cut_count = 0;                      // samples that were cut to the longest length allowed
  std::vector<std::string> cut;               // the first few: "record 12 (id "x"): 700 positions"
};

class Feed {
 public:
  /// Begins with step `first`, counted from 0; `lengths` as train/lengths has them. Throws what epoch_order() and Loader do.
  /// Of several ranks this one makes the samples of its own leaves alone: leaf i is rank i mod ranks'.
  Feed(RunData data, const RunSettings& settings, const Ranks& ranks, int64_t first, std::vector<int64_t> lengths,
       const Cancel& cancel);

  /// Throws what Loader::next() does; Error(format) naming the records when more are unusable than may be.
  const StepSamples& next();

  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t skipped() const { return static_cast<int64_t>(skipped_.size()); }  // records here, each counted once
  double waited_seconds() const;                                             // for samples that were not ready

 private:
  void open_epoch(int64_t epoch, int64_t first_sample);
  bool mine(int64_t place) const;
  void skip(const LoadedSample& loaded);
  TrainingSample take(LoadedSample loaded) const;

  RunData data_;
  OrderSettings order_;
  LoaderOptions loading_;
  int64_t skip_bad_, steps_per_epoch_, step_;
  int64_t rank_, ranks_;
  int64_t waited_before_ns_ = 0;  // by loaders of earlier epochs
  std::unique_ptr<Loader> loader_;
  std::vector<TrainingSample> samples_;
  StepSamples now_;
  std::set<int64_t> skipped_;
  std::string first_skipped_;  // for the message when there are too many
};

/// The mean loss over all learned tokens of a file, in its own order, in micro-batches.
struct Evaluation {
  double loss = 0;
  int64_t samples = 0, labels = 0, cut = 0;
  std::vector<std::string> skipped;
};
Evaluation evaluate_on(const RunData& data, const RunSettings& settings, Network& network, const Cancel& cancel);

}  // namespace llava::core
