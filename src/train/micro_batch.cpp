// Rows of all samples, counted through.
#include "train/micro_batch.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "base/error.hpp"
#include "model/splice.hpp"
#include "ops/device.hpp"

namespace llava::core {
namespace {

at::Tensor as_tensor(const std::vector<int64_t>& values) {
  auto tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

class Rows {
 public:
  Rows(int64_t vocabulary, int64_t tokens_per_image, int64_t max_rows)
      : vocabulary_(vocabulary), tokens_per_image_(tokens_per_image), max_rows_(max_rows) {}

  void add(const TrainingSample& sample) {
    check(sample);
    begin_ = static_cast<int64_t>(positions_.size());
    size_t image = 0;
    for (size_t i = 0; i < sample.ids.size(); ++i) {
      if (sample.ids[i] == kImagePlace)
        picture(sample.pixels[image++]);
      else
        token(sample.ids[i], sample.learned[i] != 0);
    }
    starts_.push_back(static_cast<int64_t>(positions_.size()));
  }

  MicroBatch finish() const {
    MicroBatch batch;
    batch.starts = starts_;
    if (!pictures_.empty()) batch.pixels_N3SS = at::stack(pictures_);
    batch.positions_T = as_tensor(positions_);
    batch.text_rows = as_tensor(text_rows_);
    batch.text_ids = as_tensor(text_ids_);
    batch.image_rows = as_tensor(image_rows_);
    batch.image_sources = as_tensor(image_sources_);
    batch.target_rows = as_tensor(target_rows_);
    batch.targets = as_tensor(targets_);
    return batch;
  }

 private:
  void check(const TrainingSample& sample) const {
    if (sample.learned.size() != sample.ids.size())
      throw Error(Status::argument, cat("a sample has ", sample.ids.size(), " ids and ", sample.learned.size(),
                                        " marks of what is learned"));
    check_places(sample.ids, vocabulary_, sample.pixels.size(), "a sample");
  }

  // Whether there is room for one more row of this sample; if so, it is counted.
  bool next_row() {
    const auto position = static_cast<int64_t>(positions_.size()) - begin_;
    if (max_rows_ > 0 && position >= max_rows_) return false;
    positions_.push_back(position);
    return true;
  }

  void token(int64_t id, bool learned) {
    if (!next_row()) return;
    const auto row = static_cast<int64_t>(positions_.size()) - 1;
    text_rows_.push_back(row);
    text_ids_.push_back(id);
    if (!learned || row == begin_) return;  // nothing comes before the first row
    target_rows_.push_back(row - 1);
    targets_.push_back(id);
  }

  void picture(const at::Tensor& pixels_3SS) {
    const auto first = static_cast<int64_t>(pictures_.size()) * tokens_per_image_;
    pictures_.push_back(pixels_3SS);
    for (int64_t i = 0; i < tokens_per_image_ && next_row(); ++i) {
      image_rows_.push_back(static_cast<int64_t>(positions_.size()) - 1);
      image_sources_.push_back(first + i);
    }
  }

  int64_t vocabulary_, tokens_per_image_, max_rows_, begin_ = 0;
  std::vector<int64_t> starts_ = {0}, positions_, text_rows_, text_ids_, image_rows_, image_sources_, target_rows_,
                       targets_;
  std::vector<at::Tensor> pictures_;
};

}  // namespace

int64_t MicroBatch::longest() const {
  int64_t most = 0;
  for (size_t i = 1; i < starts.size(); ++i) most = std::max(most, starts[i] - starts[i - 1]);
  return most;
}

MicroBatch MicroBatch::on(const at::Device& device) const {
  auto moved = *this;
  for (auto* part : {&moved.pixels_N3SS, &moved.positions_T, &moved.text_rows, &moved.text_ids, &moved.image_rows,
                     &moved.image_sources, &moved.target_rows, &moved.targets}) {
    if (!part->defined()) continue;
    *part = copied_to(device, *part);
  }
  return moved;
}

MicroBatch make_micro_batch(const std::vector<const TrainingSample*>& samples, int64_t vocabulary,
                            int64_t tokens_per_image, int64_t max_rows) {
  Rows rows(vocabulary, tokens_per_image, max_rows);
  for (const auto* sample : samples) rows.add(*sample);
  return rows.finish();
}

std::vector<MicroBatch> make_micro_batches(const std::vector<const TrainingSample*>& samples, int64_t vocabulary,
                                           int64_t tokens_per_image, int64_t max_rows, int64_t parts) {
  std::vector<int64_t> ends;  // of each sample, in rows
  for (const auto* sample : samples) {
    const auto words = static_cast<int64_t>(sample->ids.size()), pictures = static_cast<int64_t>(sample->pixels.size());
    const auto rows = words + pictures * (tokens_per_image - 1);
    ends.push_back((ends.empty() ? 0 : ends.back()) + (max_rows > 0 ? std::min(rows, max_rows) : rows));
  }
  const auto count = samples.size(),
             pieces = std::clamp<size_t>(static_cast<size_t>(parts), 1, std::max<size_t>(1, count));
  std::vector<MicroBatch> made;
  size_t first = 0;
  for (size_t piece = 0; piece < pieces; ++piece) {
    // A border between two samples, the nearest to an even share that leaves each piece one
    size_t last = first + 1;
    const auto wanted = ends.empty() ? 0 : ends.back() * static_cast<int64_t>(piece + 1) / static_cast<int64_t>(pieces);
    while (last < count - (pieces - piece - 1) && 2 * wanted > ends[last - 1] + ends[last]) ++last;
    if (piece + 1 == pieces) last = count;
    const auto from = samples.begin() + static_cast<std::ptrdiff_t>(first);
    made.push_back(make_micro_batch({from, samples.begin() + static_cast<std::ptrdiff_t>(last)}, vocabulary,
                                    tokens_per_image, max_rows));
    first = last;
  }
  return made;
}

}  // namespace llava::core
