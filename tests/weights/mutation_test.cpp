// safetensors headers changed at random, fields as well as bytes: each is refused in good order, or is right by a
// second opinion; never a crash, a hang, or memory out of proportion. Seeded: every run sees the same files.
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <new>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "support/doctest.hpp"
#include "support/expected.hpp"
#include "weights/safetensors_header.hpp"
#include "weights/support.hpp"

using namespace llava::core;

namespace {

std::atomic<int64_t> live_bytes{0}, peak_bytes{0};

void* counted_or_null(void* memory) {
  if (!memory) return nullptr;
  const auto now = live_bytes += static_cast<int64_t>(::malloc_usable_size(memory));
  if (now > peak_bytes) peak_bytes = now;
  return memory;
}

void* counted(void* memory) {
  if (!memory) throw std::bad_alloc();
  return counted_or_null(memory);
}

void uncounted(void* memory) {
  if (memory) live_bytes -= static_cast<int64_t>(::malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(size_t size) { return counted(std::malloc(size ? size : 1)); }
void* operator new[](size_t size) { return counted(std::malloc(size ? size : 1)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  return counted_or_null(std::malloc(size ? size : 1));
}
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return counted_or_null(std::malloc(size ? size : 1));
}
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete[](void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, size_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, size_t) noexcept { uncounted(memory); }

namespace {

struct Entry {
  std::string name;                                         // as JSON text
  std::vector<std::pair<std::string, std::string>> fields;  // key and value as JSON text
};

struct Draft {
  std::vector<Entry> entries;
  size_t data_bytes = 0;
};

Draft good_draft(Rng& rng) {
  constexpr std::pair<const char*, size_t> kTypes[] = {{"F32", 4}, {"BF16", 2}, {"F16", 2},
                                                       {"I64", 8}, {"U8", 1},   {"BOOL", 1}};
  Draft draft;
  for (uint32_t i = 0, n = 1 + rng.next_below(5); i < n; ++i) {
    const auto& [type, bytes] = kTypes[rng.next_below(std::size(kTypes))];
    const size_t rows = rng.next_below(4), columns = 1 + rng.next_below(5),
                 end = draft.data_bytes + rows * columns * bytes;
    draft.entries.push_back({cat("\"layers.", i, ".weight\""),
                             {{"\"dtype\"", cat('"', type, '"')},
                              {"\"shape\"", cat('[', rows, ',', columns, ']')},
                              {"\"data_offsets\"", cat('[', draft.data_bytes, ',', end, ']')}}});
    draft.data_bytes = end;
  }
  return draft;
}

template <typename List>
auto& any_of(List& list, Rng& rng) {
  return list[rng.next_below(static_cast<uint32_t>(std::size(list)))];
}

// Values and names that are wrong somewhere, or nearly.
// clang-format off
const std::string kOddValues[] = {
    "-1", "0", "1", "1.0", "1e3", "null", "true", "[]", "{}", "\"8\"", "[0]", "[0,0,0]", "[-1,4]", "[4,0]",
    "[0,18446744073709551615]", "[9223372036854775807,9223372036854775807]", "[18446744073709551616]",
    "[4194305,4194305,211106198978564]", "[4294967296,4294967296]", "[1,1,1,1,1,1,1,1,1]", "[0,1e999]", "[[0,4]]",
    "\"F33\"", "\"F4\"", "\"F8_E4M3\"", "\"F6_E2M3\"", "\"F64\"", "\"I8\"", "[0,4]", "[4,8]", "[2,2]", "[]]",
    "\"\\ud800\""};
const std::string kOddNames[] = {
    "\"\"", "\"__metadata__\"", "\"layers.0.weight\"", "\"layers.\\u0030.weight\"", "\"\\u0000\"", "\"a\\u0000b\"",
    "null", "w", "\"" + std::string(4097, 'n') + "\""};
// clang-format on

void change_field(Draft& draft, Rng& rng) {
  auto& entry = any_of(draft.entries, rng);
  if (entry.fields.empty()) return;
  auto& field = any_of(entry.fields, rng);
  switch (rng.next_below(8)) {
    case 0:
      entry.fields.erase(entry.fields.begin() + (&field - entry.fields.data()));
      break;
    case 1:
      entry.fields.push_back(std::pair(field));
      break;
    case 2:
      entry.fields.push_back({"\"extra\"", any_of(kOddValues, rng)});
      break;
    case 3:
      entry.name = any_of(kOddNames, rng);
      break;
    case 4:
      draft.entries.push_back(Entry(entry));
      break;
    case 5:
      field.second = any_of(any_of(draft.entries, rng).fields, rng).second;
      break;
    case 6:
      std::swap(entry.fields.front(), entry.fields.back());
      break;
    default:
      field.second = any_of(kOddValues, rng);
      break;
  }
}

void change_number(Draft& draft, Rng& rng) {
  auto& entry = any_of(draft.entries, rng);
  if (entry.fields.empty()) return;
  auto& text = any_of(entry.fields, rng).second;
  const auto digit = text.find_first_of("0123456789");
  if (digit != text.npos) text[digit] = static_cast<char>('0' + rng.next_below(10));
}

std::string file_of(const Draft& draft, Rng& rng) {
  std::string header = "{";
  for (const auto& entry : draft.entries) {
    header += (header.size() > 1 ? "," : "") + entry.name + ":{";
    for (size_t i = 0; i < entry.fields.size(); ++i)
      header += (i ? "," : "") + entry.fields[i].first + ":" + entry.fields[i].second;
    header += "}";
  }
  header += "}";
  uint64_t length = header.size();
  if (!rng.next_below(20))
    length = rng.next_below(2) ? rng.next_below(400) : (uint64_t{rng.next_u32()} << 32) | rng.next_u32();
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i) file[static_cast<size_t>(i)] = static_cast<char>(length >> (8 * i));
  size_t data_bytes = draft.data_bytes;
  if (!rng.next_below(10)) data_bytes += 1 + rng.next_below(3);
  if (!rng.next_below(10)) data_bytes -= std::min<size_t>(data_bytes, 1);
  return file + header + std::string(data_bytes, '\x3c');
}

void change_bytes(std::string& file, Rng& rng) {
  const auto at = rng.next_below(static_cast<uint32_t>(file.size()));
  switch (rng.next_below(4)) {
    case 0:
      file[at] = static_cast<char>(rng.next_u32());
      break;
    case 1:
      file.erase(at, 1 + rng.next_below(4));
      break;
    case 2:
      file.insert(at, file.substr(rng.next_below(static_cast<uint32_t>(file.size())), rng.next_below(30)));
      break;
    default:
      file.resize(at);
      break;
  }
}

std::span<const std::byte> bytes(const std::string& file) {
  return {reinterpret_cast<const std::byte*>(file.data()), file.size()};
}

// written apart from the parser: shapes fit offsets, and every byte of the data belongs to exactly one tensor
bool consistent(const SafetensorsHeader& header, size_t file_bytes) {
  std::vector<int> owners(file_bytes - static_cast<size_t>(header.data_offset));
  for (const auto& tensor : header.tensors) {
    auto size = static_cast<int64_t>(dtype_bytes(tensor.dtype));
    for (const auto dimension : tensor.shape) size *= dimension;
    if (tensor.name.empty() || !valid_utf8(tensor.name) || tensor.end - tensor.begin != size) return false;
    for (auto i = tensor.begin; i < tensor.end; ++i) ++owners.at(static_cast<size_t>(i));
  }
  return std::all_of(owners.begin(), owners.end(), [](int count) { return count == 1; });
}

double seconds_since(std::clock_t start) { return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC; }

// true when the file was taken
bool check_one(const std::string& file) {
  const int64_t before = live_bytes;
  peak_bytes = before;
  const auto start = std::clock();  // processor time: the machine may be busy
  Status status = Status::ok;
  std::string message;
  try {
    const auto header = parse_safetensors_header(bytes(file), static_cast<int64_t>(file.size()), "m.safetensors");
    if (!consistent(header, file.size())) FAIL_CHECK(file);
  } catch (const Error& error) {
    status = error.status();
    message = error.message();
  }
  if (peak_bytes - before > (1 << 20) + 16 * static_cast<int64_t>(file.size())) FAIL_CHECK(file);
  if (seconds_since(start) > 1) FAIL_CHECK(file);
  if (status == Status::ok) return true;
  const bool known = status == Status::format || status == Status::limit || status == Status::unsupported;
  if (!known || !message.starts_with("m.safetensors: ") || message.size() > 1024 || !valid_utf8(message))
    FAIL_CHECK(message);
  return false;
}

}  // namespace

TEST_SUITE("weights/mutations") {
  TEST_CASE("10 000 changed headers") {
    Rng rng(20231102);
    int taken = 0;
    const auto start = std::clock();
    for (int i = 0; i < 10000; ++i) {
      auto draft = good_draft(rng);
      for (uint32_t n = rng.next_below(3); n > 0; --n)
        rng.next_below(3) ? change_field(draft, rng) : change_number(draft, rng);
      auto file = file_of(draft, rng);
      for (uint32_t n = rng.next_below(3); n > 0 && !file.empty(); --n) change_bytes(file, rng);
      taken += check_one(file);
    }
    CHECK(taken > 500);  // else the mutations only ever scratch the surface
    CHECK(taken < 5000);
    WARN(seconds_since(start) < 10);
  }

  TEST_CASE("every cut of every file in tests/bad, and every byte of the legal ones changed") {
    const std::string folder = LLAVA_TEST_DATA "/bad/safetensors";
    Rng rng(1);
    for (const auto& row : read_expected(folder)) {
      const auto file = bytes_of(folder + "/" + row.file);
      if (file.size() > 400) continue;
      for (size_t cut = 0; cut < file.size(); ++cut) check_one(file.substr(0, cut));
      if (row.status != "OK") continue;
      for (size_t at = 0; at < file.size(); ++at) {
        auto changed = file;
        changed[at] = static_cast<char>(rng.next_u32());
        check_one(changed);
      }
    }
  }

  TEST_CASE("a million tensors are taken, one more is refused") {
    const auto file = [](int64_t count) {
      std::string header = "{";
      header.reserve(static_cast<size_t>(60 * count));
      for (int64_t i = 0; i < count; ++i)
        header += cat(i ? ",\"" : "\"", i, "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}");
      header += "}";
      std::string text(8, '\0');
      for (int i = 0; i < 8; ++i)
        text[static_cast<size_t>(i)] = static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i));
      return text + header;
    };
    const auto million = file(limits::kTensors);
    CHECK(parse_safetensors_header(bytes(million), static_cast<int64_t>(million.size()), "m").tensors.size() ==
          1000000);
    const auto more = file(limits::kTensors + 1);
    const auto error = error_of([&] { parse_safetensors_header(bytes(more), static_cast<int64_t>(more.size()), "m"); });
    CHECK(error.status() == Status::limit);
    CHECK(error.message().find("more than 1000000 tensors") != std::string::npos);
  }
}
