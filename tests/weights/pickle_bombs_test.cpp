// Pickles and torch files that ask for much with little, too large to lie in tests/bad: each is refused at its limit,
// soon, and with memory in proportion to what was read.
#include <chrono>

#include "base/limits.hpp"
#include "support/doctest.hpp"
#include "support/expected.hpp"
#include "weights/pickle.hpp"
#include "weights/support.hpp"
#include "weights/torch_file.hpp"

using namespace llava::core;

namespace {

std::string repeated(std::string_view piece, int64_t count) {
  std::string text;
  text.reserve(piece.size() * static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) text += piece;
  return text;
}

Error refusal(const std::string& stream) {
  return error_of([&] { read_pickle({reinterpret_cast<const std::byte*>(stream.data()), stream.size()}, "bomb"); });
}

bool is_limit(const Error& error, std::string_view piece) {
  CAPTURE(error.message());
  CHECK(error.status() == Status::limit);
  return error.message().find(piece) != std::string::npos;
}

TensorMap opened(const std::string& bytes, const OpenOptions& options = {}) {
  const auto owner = std::make_shared<std::string>(bytes);
  return torch_tensors({reinterpret_cast<const std::byte*>(owner->data()), owner->size()}, owner, "file", options);
}

const std::string kProto = "\x80\x02";
constexpr std::string_view kPut("q\0", 2);

}  // namespace

TEST_SUITE("weights/pickle bombs") {
  TEST_CASE("marks, values, containers and opcodes end at their limits") {
    CHECK(is_limit(refusal(kProto + repeated("(", limits::kPickleStack + 1)), "more than 65536 MARKs are open"));
    CHECK(is_limit(refusal(kProto + repeated("N", limits::kPickleStack + 1)), "more than 65536 values on the stack"));
    CHECK(is_limit(refusal(kProto + repeated("]", limits::kPickleStack + 1)), "more than 65536 values on the stack"));
    CHECK(is_limit(refusal(kProto + "N" + repeated("\x85", limits::kPickleContainers + 1)),
                   "more than 4194304 tuples, lists and dicts"));
    CHECK(is_limit(refusal(kProto + "N" + repeated(kPut, limits::kPickleOpcodes)), "more than 16777216 opcodes"));
  }

  TEST_CASE("one below each limit is taken") {
    const auto lists = limits::kPickleStack - 1;
    const auto stream = kProto + "](" + repeated("]", lists) + "e.";
    CHECK(refusal(stream).status() == Status::ok);
    CHECK(refusal(kProto + "N" + repeated("\x85", limits::kPickleContainers) + ".").status() == Status::ok);
    CHECK(refusal(kProto + "N" + repeated(kPut, limits::kPickleOpcodes - 2) + ".").status() == Status::ok);
  }

  TEST_CASE("a list that grows by references to itself stays flat") {
    // ]q0 (h0 h0 ... e, 1000 times: a million references, no copies
    const auto thousand = cat("(", repeated(std::string_view("h\0", 2), 1000), "e");
    const auto stream = cat(kProto, "]q", '\0', repeated(thousand, 1000), ".");
    const auto pickle = read_pickle({reinterpret_cast<const std::byte*>(stream.data()), stream.size()}, "list");
    CHECK(pickle.items(pickle.root).size() == 1'000'000);
    CHECK(pickle.containers.size() == 1);
  }

  TEST_CASE("a refusal of a huge announcement takes no time and no memory") {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) CHECK(refusal(kProto + "\x8d" + std::string(8, '\x7f')).status() == Status::format);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
  }
}

TEST_SUITE("weights/torch mutations") {
  TEST_CASE("8000 changed torch files end with a status, and what is taken can be read") {
    Rng rng(23);
    const std::string folder = LLAVA_TEST_DATA "/weights/torch/";
    size_t taken = 0, refused = 0;
    for (const char* name : {"views-legacy.bin", "metadata-legacy.bin", "protocol-4-legacy.bin", "no-crc.bin"}) {
      const auto whole = bytes_of(folder + name);
      for (int round = 0; round < 2000; ++round) {
        auto bytes = whole;
        for (uint32_t i = 0, n = 1 + rng.next_below(3); i < n; ++i)
          bytes[rng.next_below(static_cast<uint32_t>(bytes.size()))] = static_cast<char>(rng.next_u32());
        uint64_t sum = 0;
        const auto error = error_of([&] {
          const auto map = opened(bytes);
          for (const auto& view : map.all())
            for (size_t i = 0; i < view.size_bytes; ++i) sum += static_cast<uint64_t>(view.data[i]);
        });
        ++(error.status() == Status::ok ? taken : refused);
        CHECK(error.status() != Status::internal);
        CHECK(!error.message().empty());
      }
    }
    CHECK(taken + refused == 8000);
    CHECK(taken > 400);
    CHECK(refused > 4000);
  }

  TEST_CASE("a damaged tensor is found when checksums are asked for") {
    auto bytes = bytes_of(LLAVA_TEST_DATA "/weights/torch/types.bin");
    const auto record = bytes.find("data/0");
    bytes[bytes.find("PK\x07\x08", record) - 1] ^= 1;  // the last byte of the first tensor
    CHECK(opened(bytes).size() == 10);
    OpenOptions options;
    options.checksums = true;
    const auto error = error_of([&] { opened(bytes, options); });
    CHECK(error.status() == Status::format);
    CHECK(error.message().find("data/0: the CRC-32 of its 60 bytes is") != std::string::npos);
    CHECK(error.message().find("the file is damaged") != std::string::npos);
  }
}
