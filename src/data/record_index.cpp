// One pass in portions of 4 MiB; afterwards a record is one pread.
#include "data/record_index.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace llava::core {
namespace {

constexpr int64_t kPortionBytes = int64_t{4} << 20;

}  // namespace

std::shared_ptr<const RecordIndex> RecordIndex::open(const std::string& path, const IndexReading& how) {
  const std::shared_ptr<RecordIndex> index(new RecordIndex(path));
  index->name_ = printable(path.substr(path.rfind('/') + 1));
  RecordScanner scanner(index->name_);
  Hasher hasher;
  const int64_t total = index->file_.size();
  std::vector<char> portion(static_cast<size_t>(std::min(kPortionBytes, total)));
  for (int64_t done = 0; done < total;) {
    how.cancel.poll("reading the data file");
    const auto size = std::min(kPortionBytes, total - done);
    index->file_.read_at(done, portion.data(), size);
    const std::string_view bytes(portion.data(), static_cast<size_t>(size));
    hasher.add(bytes);
    scanner.feed(bytes);
    done += size;
    if (how.progress) how.progress(done, total);
  }
  scanner.finish();
  index->file_.require_unchanged();
  index->is_list_ = scanner.is_list();
  index->has_mark_ = scanner.has_mark();
  index->spans_ = scanner.take();
  index->spans_.shrink_to_fit();
  index->hash_ = hasher.digest();
  return index;
}

Hash128 RecordIndex::hash_of(int64_t first, int64_t last) const {
  const RecordSpan& end = spans_.at(static_cast<size_t>(last - 1));
  const int64_t stop = static_cast<int64_t>(end.begin + end.size);
  Hasher hasher;
  std::vector<char> portion(static_cast<size_t>(std::min(kPortionBytes, stop - begin(first))));
  for (int64_t at = begin(first); at < stop;) {
    const auto size = std::min(static_cast<int64_t>(portion.size()), stop - at);
    file_.read_at(at, portion.data(), size);
    hasher.add(portion.data(), static_cast<size_t>(size));
    at += size;
  }
  return hasher.digest();
}

std::string RecordIndex::text(int64_t index) const {
  const RecordSpan& span = spans_.at(static_cast<size_t>(index));
  std::string text(span.size, '\0');
  file_.read_at(static_cast<int64_t>(span.begin), text.data(), static_cast<int64_t>(span.size));
  file_.require_unchanged();
  return text;
}

Record RecordIndex::record(int64_t index) const { return parse_record(text(index), {name_, index, begin(index)}); }

}  // namespace llava::core
