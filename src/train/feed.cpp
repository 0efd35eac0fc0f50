// One loader an epoch, from the place where the run stands.
#include "train/feed.hpp"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <numeric>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "train/sample_rules.hpp"

namespace llava::core {
namespace {

constexpr int64_t kStepsAhead = 2;
constexpr int64_t kMostAhead = 4096;
constexpr size_t kNamedCuts = 5;       // of the samples of a step
constexpr size_t kListedBytes = 4096;  // of a message that names records

std::string cut_text(const LoadedSample& loaded) {
  return cat("record ", loaded.record + 1, " (id \"", printable(loaded.id), "\"): ", loaded.sample.full_rows,
             " positions");
}

at::Tensor as_tensor(Pixels pixels) {
  auto owner = std::make_shared<Pixels>(std::move(pixels));
  auto* data = owner->values.data();
  const std::vector<int64_t> shape = {owner->channels, owner->height, owner->width};
  return at::from_blob(
      data, shape, [owner = std::move(owner)](void*) {}, at::kFloat);
}

TrainingSample training_sample(LoadedSample loaded) {
  TrainingSample sample;
  sample.ids = std::move(loaded.sample.ids);
  sample.learned.reserve(sample.ids.size());
  for (const auto label : loaded.sample.labels) sample.learned.push_back(label != kIgnored);
  for (auto& pixels : loaded.pixels) sample.pixels.push_back(as_tensor(std::move(pixels)));
  return sample;
}

}  // namespace

RunData open_data(const std::string& path, const RunSettings& settings, const Checkpoint& model,
                  const CountProgress& progress, const Cancel& cancel) {
  RunData data;
  const auto tell = [&](int64_t done, int64_t total) {
    if (progress) progress("index", done, total);
  };
  data.index = RecordIndex::open(path, {cancel, tell});
  if (data.index->size() == 0) throw Error(Status::format, cat(path, ": holds no record"));
  const SampleChoice choice{settings.template_name, settings.labels, settings.image_place, settings.seed,
                            settings.max_length};
  data.maker = std::make_shared<const SampleMaker>(model.tokenizer, sample_rules(choice, model));
  data.pictures = picture_rules(path, settings.images, settings.allow_outside, model);
  return data;
}

int64_t count_without_picture(const RunData& data, const std::string& learns, const CountProgress& progress,
                              const Cancel& cancel) {
  int64_t without = 0, read = 0;
  for (int64_t i = 0; i < data.index->size(); ++i) {
    cancel.poll("looking for pictures");
    try {
      without += data.index->record(i).images.empty();
      ++read;
    } catch (const RecordError&) {
      // the loader says so when its turn comes
    }
    if (progress) progress("pictures", i + 1, data.index->size());
  }
  require_pictures(data.index->path(), read, without, learns);
  return without;
}

void require_pictures(const std::string& path, int64_t records, int64_t without, const std::string& learns) {
  if (records > 0 && without == records)
    throw Error(Status::format,
                cat(printable(path), ": none of its ", records, " records has a picture, and what learns (",
                    printable(learns), ") learns from pictures alone"));
}

Feed::Feed(RunData data, const RunSettings& settings, const Ranks& ranks, int64_t first, std::vector<int64_t> lengths,
           const Cancel& cancel)
    : data_(std::move(data)), skip_bad_(settings.skip_bad), step_(first), rank_(ranks.rank()), ranks_(ranks.count()) {
  order_ = {settings.order, settings.seed,        data_.index->size(),
            settings.batch, settings.micro_batch, std::move(lengths)};
  steps_per_epoch_ = (order_.count + order_.batch - 1) / order_.batch;
  loading_.pictures = data_.pictures;
  loading_.threads = static_cast<int32_t>(settings.loader_threads);
  loading_.ahead = static_cast<int32_t>(std::min(kMostAhead, kStepsAhead * settings.batch));
  loading_.skip_bad = skip_bad_ == 0 ? 0 : -1;  // counted here: a record comes again in every epoch
  loading_.cancel = cancel;
}

void Feed::open_epoch(int64_t epoch, int64_t first_sample) {
  if (loader_) waited_before_ns_ += loader_->waited_ns();
  loader_.reset();
  const auto indices = epoch_order(order_, epoch);
  std::vector<int64_t> wanted;
  for (int64_t place = first_sample; place < order_.count; ++place)
    if (mine(place)) wanted.push_back(indices[static_cast<size_t>(place)]);
  loader_ = std::make_unique<Loader>(data_.index, data_.maker, std::move(wanted), loading_);
}

bool Feed::mine(int64_t place) const { return place % order_.batch / order_.micro_batch % ranks_ == rank_; }

void Feed::skip(const LoadedSample& loaded) {
  if (!skipped_.insert(loaded.record).second) return;
  now_.skipped.push_back(loaded.problem);
  if (first_skipped_.size() < kListedBytes) first_skipped_ += "\n  " + loaded.problem;
  if (skip_bad_ >= 0 && skipped() > skip_bad_)
    throw Error(Status::limit,
                cat(skipped(), " records cannot be used, at most ", skip_bad_, " may be skipped:", first_skipped_));
}

const StepSamples& Feed::next() {
  const auto epoch = step_ / steps_per_epoch_;
  const auto begin = step_ % steps_per_epoch_ * order_.batch;
  if (!loader_ || begin == 0) open_epoch(epoch, begin);
  const auto count = std::min(order_.batch, order_.count - begin);
  const auto leaves = (order_.batch + order_.micro_batch - 1) / order_.micro_batch;
  now_ = {};
  now_.epoch = epoch;
  now_.leaves.resize(static_cast<size_t>(leaves));
  now_.records.resize(static_cast<size_t>(leaves));
  samples_.clear();
  samples_.reserve(static_cast<size_t>(count));  // leaves point into it
  for (int64_t i = 0; i < count; ++i) {
    if (!mine(begin + i)) continue;
    LoadedSample loaded;
    if (!loader_->next(loaded)) throw Error(Status::internal, "the loader ended before its epoch");
    if (loaded.skipped) {
      skip(loaded);
      continue;
    }
    if (loaded.sample.cut) {
      ++now_.cut_count;
      if (now_.cut.size() < kNamedCuts) now_.cut.push_back(cut_text(loaded));
    }
    now_.records[static_cast<size_t>(i / order_.micro_batch)].push_back(loaded.record);
    samples_.push_back(training_sample(std::move(loaded)));
    now_.leaves[static_cast<size_t>(i / order_.micro_batch)].push_back(&samples_.back());
  }
  ++step_;
  return now_;
}

double Feed::waited_seconds() const {
  return static_cast<double>(waited_before_ns_ + (loader_ ? loader_->waited_ns() : 0)) * 1e-9;
}

Evaluation evaluate_on(const RunData& data, const RunSettings& settings, Network& network, const Cancel& cancel) {
  const c10::InferenceMode no_gradients;
  LoaderOptions loading;
  loading.pictures = data.pictures;
  loading.threads = static_cast<int32_t>(settings.loader_threads);
  loading.skip_bad = settings.skip_bad;
  loading.cancel = cancel;
  std::vector<int64_t> indices(static_cast<size_t>(data.index->size()));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  Loader loader(data.index, data.maker, std::move(indices), loading);
  const auto& config = network.config();
  Evaluation result;
  LoadedSample loaded;
  for (bool more = true; more;) {
    std::vector<TrainingSample> samples;
    while (static_cast<int64_t>(samples.size()) < settings.micro_batch && (more = loader.next(loaded)))
      if (!loaded.skipped) {
        result.cut += loaded.sample.cut;
        samples.push_back(training_sample(std::move(loaded)));
      }
    std::vector<const TrainingSample*> leaf;
    for (const auto& sample : samples) leaf.push_back(&sample);
    const auto parts = make_micro_batches(leaf, config.language.vocabulary, config.tokens_per_image(),
                                          data.maker->rules().max_length, network.lanes());
    result.samples += static_cast<int64_t>(samples.size());
    result.loss += network.loss(parts, 1, cancel);
    for (const auto& part : parts) result.labels += part.labels();
  }
  result.skipped = loader.skipped();
  if (result.labels == 0) throw Error(Status::format, cat(data.index->path(), ": has no token to learn"));
  result.loss /= static_cast<double>(result.labels);
  return result;
}

}  // namespace llava::core
