// Orders, packs and weights: permutations, independence, the original's cases.
#include <numeric>

#include "data/order.hpp"
#include "data/word_length.hpp"
#include "data_support.hpp"
#include "support/doctest.hpp"

using namespace llava::core;
using namespace llava::test;

namespace {

OrderSettings settings_of(OrderKind kind, int64_t count, int64_t batch = 8, int64_t micro_batch = 2) {
  OrderSettings settings{kind, 42, count, batch, micro_batch, {}};
  for (int64_t i = 0; i < count; ++i) {
    const int64_t length = 1 + (i * 7919) % 97;
    settings.lengths.push_back(i % 3 == 0 ? -length : length);
  }
  return settings;
}

bool is_permutation(std::vector<int64_t> order, int64_t count) {
  std::sort(order.begin(), order.end());
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), int64_t{0});
  return order == all;
}

}  // namespace

TEST_SUITE("data/order") {
  TEST_CASE("every order shows each sample once an epoch") {
    for (const auto kind : {OrderKind::sequential, OrderKind::shuffled, OrderKind::grouped, OrderKind::upstream})
      for (const int64_t count : {1, 2, 7, 8, 9, 100, 1001})
        for (const int64_t epoch : {0, 1}) CHECK(is_permutation(epoch_order(settings_of(kind, count), epoch), count));
  }

  TEST_CASE("an order depends on seed and epoch, and repeats") {
    for (const auto kind : {OrderKind::shuffled, OrderKind::grouped, OrderKind::upstream}) {
      auto settings = settings_of(kind, 500);
      const auto order = epoch_order(settings, 0);
      CHECK(order == epoch_order(settings, 0));
      CHECK(order != epoch_order(settings, 1));
      settings.seed = 43;
      CHECK(order != epoch_order(settings, 0));
    }
    const auto sequential = epoch_order(settings_of(OrderKind::sequential, 500), 3);
    CHECK(std::is_sorted(sequential.begin(), sequential.end()));
  }

  TEST_CASE("shuffled is spread evenly, and a sample's key depends on its index alone") {
    const auto order = epoch_order(settings_of(OrderKind::shuffled, 10000), 0);
    double sum = 0;  // mean place of the first half
    for (size_t at = 0; at < order.size(); ++at) sum += order[at] < 5000 ? static_cast<double>(at) : 0;
    CHECK(sum / 5000 == doctest::Approx(5000).epsilon(0.03));
    auto shorter = epoch_order(settings_of(OrderKind::shuffled, 5000), 0), of_longer = order;
    std::erase_if(of_longer, [](int64_t index) { return index >= 5000; });
    CHECK(shorter == of_longer);
  }

  TEST_CASE("grouped: one modality a batch but for the rests, micro-batches of equal weight") {
    const auto settings = settings_of(OrderKind::grouped, 1000, 32, 8);
    const auto order = epoch_order(settings, 0);
    int mixed = 0;
    double heaviest = 0;
    for (size_t begin = 0; begin + 32 <= order.size(); begin += 32) {
      int pictures = 0;
      std::vector<int64_t> sums(4, 0);
      for (size_t i = begin; i < begin + 32; ++i) {
        const int64_t length = settings.lengths[static_cast<size_t>(order[i])];
        pictures += length > 0;
        sums[(i - begin) / 8] += std::abs(length);
      }
      const bool is_mixed = pictures != 0 && pictures != 32;
      mixed += is_mixed;
      if (is_mixed || begin + 64 > order.size()) continue;
      const double mean = static_cast<double>(std::accumulate(sums.begin(), sums.end(), int64_t{0})) / 4;
      heaviest = std::max(heaviest, static_cast<double>(*std::max_element(sums.begin(), sums.end())) / mean);
    }
    CHECK(mixed <= 1);
    CHECK(heaviest <= 1.15);
  }

  TEST_CASE("upstream equals the original's rule on recorded cases") {
    int compared = 0;
    for (const auto& row : read_golden("order.json")) {
      const auto order = upstream_order(row.at("lengths").get<std::vector<int64_t>>(), row.at("chunk"),
                                        row.at("chunks"), row.at("seed").get<uint64_t>());
      CHECK(order == row.at("order").get<std::vector<int64_t>>());
      ++compared;
    }
    CHECK(compared == 12);
  }

  TEST_CASE("settings that make no sense are refused") {
    auto settings = settings_of(OrderKind::shuffled, 10);
    settings.micro_batch = 3;
    CHECK(error_of([&] { epoch_order(settings, 0); }).message() == "a batch of 8 is no multiple of the micro-batch 3");
    settings = settings_of(OrderKind::grouped, 10);
    settings.lengths[4] = 0;
    CHECK(error_of([&] { epoch_order(settings, 0); }).message().starts_with("sample 5 has length 0"));
    settings.lengths.pop_back();
    CHECK(error_of([&] { epoch_order(settings, 0); }).message() == "9 lengths for 10 samples");
    CHECK_THROWS_AS(epoch_order(settings_of(OrderKind::shuffled, 0), 0), Error);
    CHECK_THROWS_AS(order_named("random"), Error);
    CHECK(order_named("grouped") == OrderKind::grouped);
  }
}

TEST_SUITE("data/word_length") {
  TEST_CASE("the original's length counts words, and text alone is negative") {
    CHECK(word_length(record_of({"a.png"}, {{"human", "<image>\nWhat  is\u00a0it?"}, {"gpt", " Yes. "}})) == 5);
    CHECK(word_length(record_of({}, {{"human", "One two"}, {"gpt", "three"}})) == -3);
  }
}
