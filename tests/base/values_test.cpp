// Random numbers, hashes and the log.
#include <vector>

#include "base/hash.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/rng.hpp"
#include "base/utf8.hpp"
#include "support/doctest.hpp"

using namespace llava::core;

TEST_SUITE("base/rng") {
  TEST_CASE("Philox4x32-10 gives the published known answers") {  // Random123, kat_vectors
    using Block = std::array<uint32_t, 4>;
    CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    constexpr uint32_t kOnes = 0xffffffff;
    CHECK(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
          Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
  }

  TEST_CASE("a copy and a generator set to the same position go on alike") {
    Rng rng(42, 3);
    for (int i = 0; i < 7; ++i) rng.next_u32();
    Rng copy = rng, resumed(42, 3);
    resumed.set_position(rng.position());
    for (int i = 0; i < 20; ++i) {
      const auto word = rng.next_u32();
      CHECK(copy.next_u32() == word);
      CHECK(resumed.next_u32() == word);
    }
    CHECK(Rng(42).next_u32() != Rng(43).next_u32());
    CHECK(Rng(42, 0).next_u32() != Rng(42, 1).next_u32());
  }

  TEST_CASE("draws fill [0, 1) and 0..n-1 evenly") {
    Rng rng(1);
    double sum = 0, low = 1, high = 0;
    for (int i = 0; i < 20000; ++i) {
      const double draw = rng.next_uniform();
      sum += draw;
      low = std::min(low, draw);
      high = std::max(high, draw);
    }
    CHECK(low >= 0);
    CHECK(high < 1);
    CHECK(sum / 20000 == doctest::Approx(0.5).epsilon(0.02));
    std::vector<int> counts(6);
    for (int i = 0; i < 12000; ++i) ++counts[rng.next_below(6)];
    for (const int count : counts) CHECK(std::abs(count - 2000) < 200);
    CHECK(rng.next_below(0) == 0);
    CHECK(rng.next_below(1) == 0);
  }
}

TEST_SUITE("base/hash") {
  TEST_CASE("XXH3-128 of nothing is the published value") {
    CHECK(to_hex(hash_bytes("")) == "99aa06d3014798d86001c324468d497f");
  }

  TEST_CASE("pieces hash like the whole, and fields do not run into each other") {
    std::string text(5000, '\0');
    for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 31);
    for (const size_t cut : {0, 1, 17, 240, 4096}) {
      Hasher hasher;
      hasher.add(std::string_view(text).substr(0, cut)).add(std::string_view(text).substr(cut));
      CHECK(hasher.digest() == hash_bytes(text));
    }
    CHECK(Hasher().add_field("ab").add_field("c").digest() != Hasher().add_field("a").add_field("bc").digest());
    CHECK(to_hex("\x01\xab", 2) == "01ab");
  }
}

TEST_SUITE("base/log") {
  TEST_CASE("nobody listens by default, a sink hears its level and above") {
    CHECK_FALSE(log_wanted(LogLevel::error));
    std::vector<std::string> heard;
    set_log_sink([&](LogLevel, std::string_view message) { heard.emplace_back(message); });
    log_warning("one");
    log_info("not heard");
    log_message(LogLevel::error, "two");
    set_log_level(LogLevel::off);
    log_warning("not heard");
    set_log_sink({});
    log_warning("not heard");
    CHECK(heard == std::vector<std::string>{"one", "two"});
  }

  TEST_CASE("a sink may throw, log and replace itself; long messages are cut at a character") {
    int calls = 0;
    set_log_sink([&](LogLevel, std::string_view message) {
      ++calls;
      CHECK(message.size() <= static_cast<size_t>(limits::kErrorTextBytes));
      CHECK(valid_utf8(message));
      log_warning("from inside");
      if (calls == 2) set_log_sink({});
      throw 1;
    });
    std::string message = "x";
    while (message.size() < 3000) message += "é";
    log_warning(message);
    log_warning("again");
    log_warning("nobody");
    CHECK(calls == 2);
  }
}
