// What a step sends, on 1 to 1024 imaginary ranks, at every ZeRO level: the list of its calls, made here from the names and
// shapes in the model's file alone, and the sums that follow. The list has no rank in it, so the order is the same on all.
#include <ATen/ops/full.h>

#include <map>
#include <numeric>

#include "comm/counting_comm.hpp"
#include "model/splice.hpp"
#include "support/doctest.hpp"
#include "train/stepper.hpp"

using namespace llava::core;

namespace {

using Calls = std::vector<CountingComm::Call>;

constexpr int64_t kRounds = 2, kBlock = 4096, kAligned = 64, kLoraRank = 4;  // block: of the norm, and so of shards

enum class What { projector, model, lora };  // stage 1, stage 2, and beside a frozen model, in bf16

const LoadPlan& plan() {
  static const auto made = plan_load(LLAVA_TEST_DATA "/golden/model/tiny", {});
  return made;
}

bool learns(What what, std::string_view name) {
  return name.starts_with("projector.") || (what == What::model && !name.starts_with("vision."));
}

StepRecipe recipe_of(What what) {
  StepRecipe recipe;
  recipe.network.lanes = 1;  // a gradient for each would only take time: lanes send nothing
  if (what == What::lora) {
    recipe.network.lora.rank = kLoraRank;
    recipe.network.precision = Precision::bf16_store;
  }
  return recipe;
}

int64_t rounded_up(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

/// Padded parameters of what is exchanged together: "projector", "table", "block 0" …, "head".
class Lengths {
 public:
  Lengths(What what, int64_t size) : multiple_(size * kBlock) {
    for (const auto& [name, view] : plan().tensors.found) {
      int64_t count = 1;
      for (const auto side : view.shape) count *= side;
      const auto layer = name.starts_with("language.layers.") ? std::stoll(name.substr(16)) : -1;
      if (learns(what, name)) add(unit_of(name, layer), count);
      if (what != What::lora || layer < 0 || view.shape.size() != 2) continue;
      add(unit_of(name, layer), kLoraRank * view.shape[0]);
      add(unit_of(name, layer), kLoraRank * view.shape[1]);
    }
  }

  int64_t blocks() const { return plan().checkpoint.config.language.layers; }
  int64_t of(const std::string& unit) const {
    const auto place = counts_.find(unit);
    return place == counts_.end() ? 0 : rounded_up(place->second, multiple_);
  }
  int64_t all() const {
    int64_t sum = 0;
    for (const auto& [unit, count] : counts_) sum += of(unit);
    return sum;
  }
  /// As they lie in a flat buffer.
  std::vector<std::string> in_order() const {
    std::vector<std::string> units = {"projector", "table"};
    for (int64_t i = 0; i < blocks(); ++i) units.push_back(cat("block ", i));
    units.emplace_back("head");
    return units;
  }

 private:
  static std::string unit_of(const std::string& name, int64_t layer) {
    if (layer >= 0) return cat("block ", layer);
    return name.starts_with("projector.") ? "projector" : name.starts_with("language.embed") ? "table" : "head";
  }
  void add(const std::string& unit, int64_t count) { counts_[unit] += rounded_up(count, kAligned); }

  std::map<std::string, int64_t> counts_;
  int64_t multiple_;
};

/// The calls of one step, by level:
///   a leaf's pieces, f32, all-to-all: after the pass (0, 1), or when a unit's gradient is whole (2, 3)
///   values, for each pass and way (3), as they are computed with; the table is not read on the way back, and the head turns
///   on the spot
///   eight bytes of norm for a block; sums, f32 (0), or values (1, 2) after the update
///   and what integers say of leaves: samples, rows and labels before, losses and FLOPs behind
class Expected {
 public:
  Expected(What what, int64_t size, int64_t zero)
      : lengths_(what, size), zero_(zero), value_(what == What::lora ? 2 : 4) {
    const auto leaves = kRounds * size;
    calls_.push_back({"all_reduce sum", 3 * 8 * leaves});
    for (int64_t round = 0; round < kRounds; ++round) zero < 2 ? reduce_all() : pass();
    for (int i = 0; i < 2; ++i) calls_.push_back({"all_reduce sum", 8 * leaves});
    calls_.push_back({"all_gather", lengths_.all() / kBlock * 8});
    if (zero == 3) return;
    for (const auto& unit : lengths_.in_order()) say("all_gather", (zero == 0 ? 4 : value_) * lengths_.of(unit));
  }

  const Calls& calls() const { return calls_; }

 private:
  void say(const char* name, int64_t bytes) {
    if (bytes > 0) calls_.push_back({name, bytes});
  }
  void reduce(const std::string& unit) { say("all_to_all", 4 * lengths_.of(unit)); }
  void fetch(const std::string& unit) {
    if (zero_ == 3) say("all_gather", value_ * lengths_.of(unit));
  }
  void reduce_all() {
    for (const auto& unit : lengths_.in_order()) reduce(unit);
  }
  void pass() {
    fetch("table");
    fetch("projector");
    for (int64_t i = 0; i < lengths_.blocks(); ++i) fetch(cat("block ", i));
    fetch("head");
    reduce("head");
    for (int64_t i = lengths_.blocks(); i-- > 0;) fetch(cat("block ", i)), reduce(cat("block ", i));
    reduce("table");
    fetch("projector");
    reduce("projector");
  }

  Lengths lengths_;
  int64_t zero_, value_;
  Calls calls_;
};

/// Words with a picture, words alone, and words of which none is learned.
std::vector<TrainingSample> samples() {
  std::vector<TrainingSample> made(3);
  for (size_t i = 0; i < made.size(); ++i) {
    for (int64_t k = 0; k < 8; ++k) made[i].ids.push_back(3 + k * 5), made[i].learned.push_back(k > 3 && i != 2);
    if (i == 0) made[i].ids[1] = kImagePlace, made[i].pixels.push_back(at::full({3, 42, 42}, 0.5));
  }
  return made;
}

/// A step in which this rank has two leaves, `first` and then one with a picture; the others have nothing to learn.
void step_on(CountingComm& comm, What what, int64_t zero, size_t first = 0) {
  static const auto made = samples();
  const auto mask = [&](std::string_view name) { return learns(what, name); };
  Stepper stepper(plan(), mask, recipe_of(what), {}, {&comm, zero});
  std::vector<Leaf> leaves(static_cast<size_t>(kRounds * comm.size()));
  leaves[static_cast<size_t>(comm.rank())].push_back(&made[first]);
  leaves[static_cast<size_t>(comm.rank() + comm.size())].push_back(&made[0]);
  stepper.step(leaves, {});
}

std::string text_of(const Calls& calls) {
  std::string text;
  for (const auto& call : calls) text += cat(call.name, ' ', call.bytes, '\n');
  return text;
}

/// What all that is exchanged comes to, of which a rank sends (size - 1) / size.
int64_t formula(What what, int64_t size, int64_t zero) {
  const Lengths lengths(what, size);
  const auto all = lengths.all(), norm = all / kBlock * 8;
  const auto fetched = 2 * all - lengths.of("table") - lengths.of("head");
  const int64_t value = what == What::lora ? 2 : 4;
  if (zero < 3) return 4 * all * kRounds + norm + (zero == 0 ? 4 : value) * all;
  return (4 * all + value * fetched) * kRounds + norm;
}

/// All, or the first, one in the middle and the last; the last alone where much learns. With many ranks shards are mostly
/// padding, which takes its time.
std::vector<int64_t> ranks_of(What what, int64_t size) {
  if (what == What::lora) return size == 3 ? std::vector<int64_t>{0, 2} : std::vector<int64_t>{};
  if (size > 3 && what == What::model) return {size - 1};
  if (size > 3) return {0, size / 2, size - 1};
  std::vector<int64_t> ranks(static_cast<size_t>(size));
  std::iota(ranks.begin(), ranks.end(), 0);
  return ranks;
}

}  // namespace

TEST_SUITE("train/volume") {
  TEST_CASE("1 to 1024 ranks: calls and bytes are those of the formulas, the same on every rank, at every ZeRO level") {
    for (const auto what : {What::projector, What::model, What::lora}) {
      for (const int64_t size : {1, 2, 3, 8, 1024}) {
        for (const int64_t zero : {0, 1, 2, 3}) {
          for (const auto rank : ranks_of(what, size)) {
            CAPTURE(static_cast<int>(what));
            CAPTURE(size);
            CAPTURE(zero);
            CAPTURE(rank);
            CountingComm comm(rank, size);
            step_on(comm, what, zero);
            if (size > 1) CHECK(text_of(comm.calls()) == text_of(Expected(what, size, zero).calls()));
            CHECK(comm.sent_bytes() == formula(what, size, zero) / size * (size - 1));
          }
        }
      }
    }
  }

  TEST_CASE("which calls are made depends neither on pictures nor on labels") {
    for (const int64_t zero : {0, 1, 2, 3}) {
      for (const size_t first : {1, 2}) {
        CAPTURE(zero);
        CAPTURE(first);
        CountingComm comm(1, 4);
        step_on(comm, What::model, zero, first);
        CHECK(text_of(comm.calls()) == text_of(Expected(What::model, 4, zero).calls()));
      }
    }
  }
}
