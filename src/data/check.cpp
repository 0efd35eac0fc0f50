// Blocks of records go to threads; what each found is put together in the order of the file.
#include "data/check.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/hash.hpp"

namespace llava::core {
namespace {

constexpr int64_t kBlock = 64;
constexpr size_t kNamedDuplicates = 20;
constexpr size_t kNamedCuts = 5;
constexpr auto kPollTime = std::chrono::milliseconds(50);
constexpr std::array<std::string_view, 10> kMarks = {
    "</s>", "<s>", "<unk>", "###", "USER:", "ASSISTANT:", "[INST]", "[/INST]", "<|im_start|>", "<|im_end|>"};

/// What is kept of one record.
struct Finding {
  bool usable = false, cut = false, mismatch = false;
  RecordOddities odd;
  uint32_t turns = 0, pictures = 0, marks = 0;    // marks: a bit for each of kMarks
  uint32_t rows = 0, kept_rows = 0, targets = 0;  // before and after cutting
  uint64_t id_hash = 0;
};

struct Block {
  std::vector<Finding> findings;
  std::vector<BadRecord> bad;
};

uint32_t marks_in(const Record& record) {
  uint32_t bits = 0;
  for (size_t i = 0; i < kMarks.size(); ++i)
    for (const RecordTurn& turn : record.turns)
      if (turn.text.find(kMarks[i]) != turn.text.npos) bits |= 1u << i;
  return bits;
}

void look_at_pictures(const Record& record, const CheckOptions& options) {
  for (const std::string& written : record.images) {
    if (options.depth == PictureCheck::none) {
      picture_path(record, written, options.pictures);
    } else if (options.depth == PictureCheck::header) {
      probe_picture(record, written, options.pictures);
    } else {
      load_picture(record, written, options.pictures, options.cancel);
    }
  }
}

class Checker {
 public:
  Checker(const RecordIndex& index, const SampleMaker& maker, const CheckOptions& options)
      : index_(index), maker_(maker), options_(options), blocks_(size_t((index.size() + kBlock - 1) / kBlock)) {}

  std::vector<Block> run() {
    std::vector<std::thread> threads;
    const auto end = [&] {
      stop();
      for (auto& thread : threads) thread.join();
    };
    try {
      for (int32_t i = 0; i < options_.threads; ++i) threads.emplace_back([this] { work(); });
      watch();
    } catch (const std::system_error&) {
      end();
      throw Error(Status::limit, cat("a thread could not be started (", options_.threads, " wanted)"));
    } catch (...) {
      end();
      throw;
    }
    end();
    if (failure_) std::rethrow_exception(failure_);
    return std::move(blocks_);
  }

 private:
  void stop() {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }

  void watch() {
    std::unique_lock lock(mutex_);
    while (done_ < blocks_.size() && !failure_) {
      changed_.wait_for(lock, kPollTime);
      const auto done = std::min(static_cast<int64_t>(done_) * kBlock, index_.size());
      lock.unlock();
      options_.cancel.poll("checking data");
      if (options_.progress) options_.progress(done, index_.size());
      lock.lock();
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (!over_ && !failure_ && next_ < blocks_.size()) {
      const size_t number = next_++;
      lock.unlock();
      std::exception_ptr failed;
      try {
        fill(number);
      } catch (...) {
        failed = std::current_exception();
      }
      lock.lock();
      if (failed && !failure_) failure_ = failed;
      ++done_;
      changed_.notify_all();
    }
  }

  void fill(size_t number) {
    const auto begin = static_cast<int64_t>(number) * kBlock, end = std::min(begin + kBlock, index_.size());
    Block& block = blocks_[number];
    block.findings.resize(static_cast<size_t>(end - begin));
    for (int64_t i = begin; i < end; ++i) {
      options_.cancel.poll("checking data");
      look_at(i, block.findings[static_cast<size_t>(i - begin)], block);
    }
  }

  void look_at(int64_t number, Finding& finding, Block& block) const {
    std::string id;
    try {
      const Record record = index_.record(number);
      id = record.id;
      finding.odd = record.odd;
      finding.turns = static_cast<uint32_t>(record.turns.size());
      finding.pictures = static_cast<uint32_t>(record.images.size());
      finding.marks = marks_in(record);
      if (!id.empty()) {
        const auto hash = hash_bytes(id);
        std::copy_n(hash.begin(), sizeof finding.id_hash, reinterpret_cast<uint8_t*>(&finding.id_hash));
        finding.id_hash |= 1;  // 0: no id
      }
      const Sample sample = maker_.make(record);
      finding.rows = static_cast<uint32_t>(sample.full_rows);
      finding.kept_rows = static_cast<uint32_t>(sample.rows);
      finding.targets = static_cast<uint32_t>(sample.targets);
      finding.cut = sample.cut;
      finding.mismatch = sample.mismatch;
      if (sample.targets == 0 && !sample.mismatch)
        record.refuse(DataProblem::no_target, no_target_reason(sample, maker_.rules()));
      look_at_pictures(record, options_);
      finding.usable = true;
    } catch (const RecordError& error) {
      block.bad.push_back({number, index_.begin(number), id, error.problem(), error.message()});
    }
  }

  const RecordIndex& index_;
  const SampleMaker& maker_;
  const CheckOptions& options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Block> blocks_;
  size_t next_ = 0, done_ = 0;
  bool over_ = false;
  std::exception_ptr failure_;
};

LengthFigures figures_of(std::vector<uint32_t> lengths) {
  LengthFigures figures;
  if (lengths.empty()) return figures;
  std::sort(lengths.begin(), lengths.end());
  const auto at = [&](size_t percent) { return int64_t{lengths[(lengths.size() - 1) * percent / 100]}; };
  figures.total = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  figures.median = at(50);
  figures.p95 = at(95);
  figures.longest = lengths.back();
  return figures;
}

void count(const Finding& finding, DataReport& report) {
  report.no_id += finding.odd.no_id;
  report.answer_first += finding.odd.answer_first;
  report.empty_answers += finding.odd.empty_answer;
  report.unanswered += finding.odd.ends_unanswered;
  if (finding.turns > 0) ++report.turns[finding.turns];
  for (size_t i = 0; i < kMarks.size(); ++i)
    if (finding.marks >> i & 1) ++report.marks_said[std::string(kMarks[i])];
  if (!finding.usable) return;
  ++report.usable;
  report.pictures += finding.pictures;
  report.text_only += finding.pictures == 0;
  report.cut += finding.cut;
  report.mismatches += finding.mismatch;
}

void find_duplicates(std::vector<std::pair<uint64_t, int64_t>> ids, const RecordIndex& index, DataReport& report) {
  std::sort(ids.begin(), ids.end());
  std::vector<int64_t> again;  // records, for the names
  for (size_t i = 1; i < ids.size(); ++i) {
    if (ids[i].first != ids[i - 1].first) continue;
    ++report.duplicate_ids;
    if (i == 1 || ids[i - 1].first != ids[i - 2].first) again.push_back(ids[i].second);
  }
  std::sort(again.begin(), again.end());
  for (size_t i = 0; i < again.size() && i < kNamedDuplicates; ++i) {
    try {
      report.duplicates.push_back(index.record(again[i]).id);
    } catch (const RecordError&) {
      report.duplicates.push_back(cat("record ", again[i] + 1));  // unusable: it stands among the bad ones
    }
  }
}

}  // namespace

DataReport check_data(const RecordIndex& index, const SampleMaker& maker, const CheckOptions& options) {
  if (options.threads < 1 || options.threads > 256)
    throw Error(Status::argument, cat(options.threads, " threads, expected 1 to 256"));
  auto blocks = Checker(index, maker, options).run();
  DataReport report;
  report.records = index.size();
  std::vector<uint32_t> rows, targets;
  std::vector<std::pair<uint64_t, int64_t>> ids;
  int64_t number = 0, longest = -1;
  uint32_t longest_rows = 0;
  for (Block& block : blocks) {
    for (const Finding& finding : block.findings) {
      count(finding, report);
      const auto length = finding.usable ? static_cast<int32_t>(finding.kept_rows) : 0;
      report.lengths.push_back(finding.pictures > 0 ? length : -length);
      report.learned.push_back(finding.usable ? static_cast<int32_t>(finding.targets) : 0);
      if (finding.id_hash) ids.emplace_back(finding.id_hash, number);
      if (finding.usable) {
        rows.push_back(finding.rows);
        targets.push_back(finding.targets);
        if (finding.cut && report.cut_first.size() < kNamedCuts)
          report.cut_first.push_back({number, index.record(number).id, finding.rows});
        if (finding.rows > longest_rows) longest_rows = finding.rows, longest = number;
      }
      ++number;
    }
    report.bad.insert(report.bad.end(), std::make_move_iterator(block.bad.begin()),
                      std::make_move_iterator(block.bad.end()));
    block = {};
  }
  report.rows = figures_of(std::move(rows));
  report.targets = figures_of(std::move(targets));
  if (longest >= 0) report.longest_record = index.record(longest).where;
  find_duplicates(std::move(ids), index, report);
  return report;
}

}  // namespace llava::core
