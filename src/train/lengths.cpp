// A line that says whose lengths these are, then 8 little-endian bytes for each.
#include "train/lengths.hpp"

#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/hash.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "data/check.hpp"
#include "data/word_length.hpp"

namespace llava::core {
namespace {

constexpr std::string_view kFormat = "llava-lengths 1";
constexpr int64_t kMostBytes = int64_t{1} << 32;

// All that decides them. A tokenizer is its files.
std::string key_of(const RunData& data, const RunSettings& settings) {
  Hasher hasher;
  hasher.add_field(to_hex(data.index->hash())).add_number(static_cast<int64_t>(settings.order));
  for (const char* name :
       {"tokenizer.model", "tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json"}) {
    const auto path = settings.model + "/" + name;
    hasher.add_field(file_exists(path) ? read_file(path, limits::kTokenizerJsonBytes) : "");
  }
  const auto& rules = data.maker->rules();
  hasher.add_field(rules.row->key).add_number(static_cast<int64_t>(rules.labels));
  hasher.add_number(static_cast<int64_t>(rules.place)).add_number(static_cast<int64_t>(rules.seed));
  hasher.add_number(rules.image_marks.begin).add_number(rules.image_marks.end).add_number(rules.image_rows);
  hasher.add_number(rules.max_length).add_number(rules.legacy).add_number(static_cast<int64_t>(rules.version));
  hasher.add_number(data.pictures.allow_outside);
  return to_hex(hasher.digest());
}

std::string line_of(const std::string& key, std::string_view body) {
  return cat(kFormat, ' ', key, ' ', to_hex(hash_bytes(body)), '\n');
}

// What is there may be no file, or somebody else's.
std::optional<std::string> readable(const std::string& path) {
  try {
    return read_file(path, kMostBytes);
  } catch (const Error& error) {
    if (error.status() != Status::io && error.status() != Status::limit) throw;
    log_warning(cat(error.message(), "; every record is read instead"));
    return {};
  }
}

std::optional<std::vector<int64_t>> read_lengths(const std::string& path, const std::string& key, int64_t records) {
  if (!file_exists(path)) return {};
  const auto found = readable(path);
  if (!found) return {};
  const auto& text = *found;
  const auto end = text.find('\n');
  const auto body = end == std::string::npos ? std::string_view() : std::string_view(text).substr(end + 1);
  std::vector<int64_t> lengths(static_cast<size_t>(records));
  if (body.size() != lengths.size() * sizeof(int64_t) || text.compare(0, end + 1, line_of(key, body)) != 0) {
    log_info(cat(path, ": is damaged or of other data or rules, and made anew"));
    return {};
  }
  std::memcpy(lengths.data(), body.data(), body.size());
  return lengths;
}

void write_lengths(const std::string& path, const std::string& key, const std::vector<int64_t>& lengths) {
  const std::string_view body(reinterpret_cast<const char*>(lengths.data()), lengths.size() * sizeof(int64_t));
  try {
    write_file_atomically(path, line_of(key, body) + std::string(body));
  } catch (const Error& error) {
    if (error.status() != Status::io) throw;
    log_warning(cat(error.message(), "; whoever goes on with this run reads every record again"));
  }
}

std::vector<int64_t> measured(const RunData& data, const RunSettings& settings, const CountProgress& progress,
                              const Cancel& cancel) {
  const auto tell = [&](int64_t done, int64_t total) {
    if (progress) progress("lengths", done, total);
  };
  if (settings.order == OrderKind::grouped) {
    CheckOptions check{data.pictures, PictureCheck::none, static_cast<int32_t>(settings.loader_threads), cancel, tell};
    auto found = check_data(*data.index, *data.maker, check).lengths;
    for (auto& length : found)
      if (length == 0) length = -1;  // it cannot be used; the loader says so when its turn comes
    return {found.begin(), found.end()};
  }
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < data.index->size(); ++i) {
    cancel.poll("lengths");
    try {
      lengths.push_back(word_length(data.index->record(i)));
    } catch (const RecordError&) {
      lengths.push_back(-1);
    }
    if (lengths.back() == 0) lengths.back() = -1;
    tell(i + 1, data.index->size());
  }
  return lengths;
}

}  // namespace

std::vector<int64_t> order_lengths(const RunData& data, const RunSettings& settings, bool write,
                                   const CountProgress& progress, const Cancel& cancel) {
  if (settings.order != OrderKind::grouped && settings.order != OrderKind::upstream) return {};
  const auto path = settings.out + "/" + kLengthsFile, key = key_of(data, settings);
  if (auto lengths = read_lengths(path, key, data.index->size())) return *lengths;
  auto lengths = measured(data, settings, progress, cancel);
  if (write) write_lengths(path, key, lengths);
  return lengths;
}

}  // namespace llava::core
