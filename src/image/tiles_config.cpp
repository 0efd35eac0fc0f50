// The grids of config.json and preprocessor_config.json, in the three ways in which they are written.
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "image/tiles.hpp"

namespace llava::core {
namespace {

constexpr const char* kKey = "image_grid_pinpoints";

using Pair = std::pair<int64_t, int64_t>;

[[noreturn]] void refuse(std::string_view where, const std::string& what, Status status = Status::format) {
  throw Error(status, cat(where, ": ", kKey, what));
}

/// A Python list or tuple of pairs: brackets of either kind, each closed by its own, commas, a last one allowed.
class Literal {
 public:
  Literal(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  std::vector<Pair> pairs() {
    std::vector<Pair> list;
    const char end = open();
    while (!take(end)) {
      const char inner = open();
      const auto first = number();
      expect(',');
      const auto second = number();
      take(',');
      expect(inner);
      list.emplace_back(first, second);
      if (static_cast<int64_t>(list.size()) > limits::kGrids) return list;  // refused by the caller
      if (!take(',')) {
        expect(end);
        break;
      }
    }
    skip_blanks();
    if (at_ < text_.size()) stop("the end");
    return list;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }

  bool take(char wanted) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void expect(char wanted) {
    if (!take(wanted)) stop(cat("\"", wanted, "\""));
  }

  char open() {
    if (take('[')) return ']';
    if (take('(')) return ')';
    stop("\"[\" or \"(\"");
  }

  int64_t number() {
    skip_blanks();
    int64_t value = 0;
    const auto* begin = text_.data() + at_;
    const auto result = std::from_chars(begin, text_.data() + text_.size(), value);
    if (result.ec != std::errc()) stop("a whole number");
    at_ += static_cast<size_t>(result.ptr - begin);
    return value;
  }

  [[noreturn]] void stop(const std::string& expected) const {
    const Json rest(std::string(text_.substr(at_, 12)));
    refuse(where_, cat(" is a text with ", at_ < text_.size() ? json_found(rest) : "its end", " at byte ", at_ + 1,
                       ", expected ", expected, "; read here: \"[(336, 672), (672, 336)]\" and \"(1x1),...,(6x6)\""));
  }

  std::string_view text_, where_;
  size_t at_ = 0;
};

bool read_counts(std::string_view& text, Pair& counts) {
  const auto number = [&](char before, int64_t& value) {
    if (text.empty() || text.front() != before) return false;
    const auto result = std::from_chars(text.data() + 1, text.data() + text.size(), value);
    if (result.ec != std::errc()) return false;
    text.remove_prefix(static_cast<size_t>(result.ptr - text.data()));
    return true;
  };
  if (!number('(', counts.first) || !number('x', counts.second) || text.empty() || text.front() != ')') return false;
  text.remove_prefix(1);
  return true;
}

/// "(1x1),...,(6x6)": every pair of tile counts from the first to the last. False for other texts.
bool read_range(std::string_view text, int64_t side, std::string_view where, std::vector<Pair>& pairs) {
  constexpr std::string_view kBetween = ",...,";
  Pair first, last;
  if (!read_counts(text, first) || !text.starts_with(kBetween)) return false;
  text.remove_prefix(kBetween.size());
  if (!read_counts(text, last) || !text.empty()) return false;
  for (const auto count : {first.first, first.second, last.first, last.second})
    if (count < 1 || count > limits::kTiles)
      refuse(where, cat(" has a side of ", count, " tiles, expected 1 to ", limits::kTiles), Status::limit);
  for (auto i = first.first; i <= last.first; ++i)
    for (auto j = first.second; j <= last.second; ++j) pairs.emplace_back(i * side, j * side);
  return true;
}

std::vector<Pair> listed_pairs(const Json& list, std::string_view where) {
  std::vector<Pair> pairs;
  for (const auto& item : list.elements()) {
    const bool numbers = item.is_array() && item.size() == 2 && item.at(size_t{0}).is_number_integer() &&
                         item.at(size_t{1}).is_number_integer();
    if (!numbers) refuse(where, cat("[", pairs.size(), "] is ", json_found(item), ", expected two whole numbers"));
    const auto side = [&](size_t i) {
      const auto& number = item.at(i);
      constexpr auto kHuge = static_cast<uint64_t>(INT64_MAX);
      return number.is_number_unsigned() && number.unsigned_integer() > kHuge ? INT64_MAX : number.integer();
    };
    pairs.emplace_back(side(0), side(1));
    if (static_cast<int64_t>(pairs.size()) > limits::kGrids) break;  // refused by the caller
  }
  return pairs;
}

std::vector<Pair> read_pairs(const Json& object, std::string_view where, GridFile file, int64_t side) {
  const auto* found = find_value(object, kKey, where);
  if (!found) {
    if (file == GridFile::hf) return {{336, 672}, {672, 336}, {672, 672}, {1008, 336}, {336, 1008}};
    refuse(where, " is missing, and image_aspect_ratio is \"anyres\"");
  }
  if (found->is_array()) return listed_pairs(*found, where);
  if (!found->is_string() || file == GridFile::hf)
    refuse(where, cat(" is ", json_found(*found), ", expected a list of pairs"));
  const auto& text = found->string();
  if (static_cast<int64_t>(text.size()) > limits::kGridTextBytes)
    refuse(where, cat(" is a text of ", text.size(), " bytes, at most ", limits::kGridTextBytes), Status::limit);
  std::vector<Pair> pairs;
  if (read_range(text, side, where, pairs)) return pairs;
  return Literal(text, where).pairs();
}

void check_grid(const GridSize& grid, int64_t side, size_t index, std::string_view where) {
  const auto what = cat("[", index, "] is a grid ", grid.width, " wide and ", grid.height, " high");
  if (grid.width < 1 || grid.height < 1) refuse(where, cat(what, ", expected positive sides"));
  const auto columns = grid.width / side, rows = grid.height / side;
  if (columns > limits::kTiles || rows > limits::kTiles || columns * rows > limits::kTiles)
    refuse(where, cat(what, ": more than ", limits::kTiles, " tiles of ", side), Status::limit);
  if (grid.width % side || grid.height % side)
    refuse(where, cat(what, ", expected multiples of the tile's side ", side));
  if (grid.width * grid.height > limits::kPicturePixels)
    refuse(where, cat(what, ": at most ", limits::kPicturePixels, " pixels"), Status::limit);
}

}  // namespace

std::vector<GridSize> read_grids(const Json& object, std::string_view where, GridFile file, TileRule rule,
                                 int64_t tile_side) {
  const auto pairs = read_pairs(object, where, file, tile_side);
  if (pairs.empty()) refuse(where, " is empty, expected at least one pair");
  if (static_cast<int64_t>(pairs.size()) > limits::kGrids)
    refuse(where, cat(" has more than ", limits::kGrids, " pairs"), Status::limit);
  std::vector<GridSize> grids;
  for (const auto& [first, second] : pairs) {
    const auto grid = rule == TileRule::hf ? GridSize{second, first} : GridSize{first, second};
    check_grid(grid, tile_side, grids.size(), where);
    grids.push_back(grid);
  }
  return grids;
}

PreprocessConfig parse_tiled_preprocess(std::string_view json_text, std::string_view where,
                                        const TilingConfig& tiling) {
  auto json = parse_json(json_text, where);
  constexpr const char* kKind = "image_processor_type";
  if (const auto kind = read_string(json, kKind, where, "");
      !kind.empty() && kind != "LlavaNextImageProcessor" && kind != "LlavaNextImageProcessorFast")
    throw Error(Status::unsupported, cat(where, ": ", kKind, " is ", json_found(Json(kind)),
                                         ", config.json's model_type llava_next expects LlavaNextImageProcessor"));
  auto rules = parse_preprocess_rules(json, where);
  rules.do_pad = false;  // here it means that a batch is filled up with empty tiles
  // transformers cuts by this file and counts by config.json
  const auto grids = read_grids(json, where, GridFile::hf, tiling.rule, tiling.side);
  if (grids != tiling.grids) refuse(where, " differs from config.json's");
  return rules;
}

}  // namespace llava::core
