// Frame 0 of a GIF. The blocks are walked to the end of the frame first; then the LZW stream is unrolled row by row,
// and must yield every pixel. What a small frame leaves free, and what is transparent, looks as in Pillow.
#include <array>
#include <bit>
#include <cstring>
#include <memory>

#include "image/codecs.hpp"

namespace llava::core {
namespace {

constexpr int kMaxCodes = 4096;

struct Layout {
  Header header;                                     // the screen
  int64_t left = 0, top = 0, width = 0, height = 0;  // the frame on it
  bool interlaced = false;
  std::array<uint8_t, 256 * 3> palette{};
  int ground = 0;  // the index around the frame: the transparent one, else 0
  int code_bits = 0;
  size_t data_at = 0;  // the first sub-block of the frame
};

class BlockWalk {
 public:
  explicit BlockWalk(const Source& source) : source_(source), in_(source, 6) {}

  Layout walk() {
    layout_.header.width = in_.le16("the screen size");
    layout_.header.height = in_.le16("the screen size");
    source_.check_size(layout_.header.width, layout_.header.height);
    const auto flags = in_.u8("the screen flags");
    in_.skip(2, "the screen description");
    if (flags & 0x80) read_table(flags);
    for (;;) {
      const auto kind = in_.u8("the blocks before the first picture");
      if (kind == 0x21) {
        extension();
      } else if (kind == 0x2C) {
        return frame(), layout_;
      } else if (kind == 0x3B) {
        source_.refuse(Status::format, "the file ends without a picture");
      } else {
        source_.refuse(Status::format, "block of kind ", int{kind}, " at byte ", in_.position() - 1);
      }
    }
  }

 private:
  void read_table(uint8_t flags) {
    const auto bytes = in_.take(size_t{3} << ((flags & 7) + 1), "a colour table");
    layout_.palette.fill(0);
    std::copy(bytes.begin(), bytes.end(), layout_.palette.begin());
    has_table_ = true;
  }

  void extension() {
    const auto label = in_.u8("an extension");
    bool first = true;
    for (auto count = in_.u8("an extension"); count != 0; count = in_.u8("an extension")) {
      const auto body = in_.take(count, "an extension");
      if (label == 0xF9 && first && count >= 4 && (body[0] & 1)) layout_.ground = body[3];
      first = false;
    }
  }

  void frame() {
    layout_.left = in_.le16("the picture description");
    layout_.top = in_.le16("the picture description");
    layout_.width = in_.le16("the picture description");
    layout_.height = in_.le16("the picture description");
    const auto flags = in_.u8("the picture description");
    if (layout_.width == 0 || layout_.height == 0)
      source_.refuse(Status::format, "the first picture is ", layout_.width, " x ", layout_.height);
    if (layout_.left + layout_.width > layout_.header.width || layout_.top + layout_.height > layout_.header.height) {
      source_.refuse(Status::format, "the first picture lies outside the screen of ", layout_.header.width, " x ",
                     layout_.header.height);
    }
    layout_.interlaced = flags & 0x40;
    if (flags & 0x80) read_table(flags);
    if (!has_table_) source_.refuse(Status::format, "there is no colour table");
    layout_.code_bits = in_.u8("the code size");
    if (layout_.code_bits < 2 || layout_.code_bits > 8)
      source_.refuse(Status::format, "LZW code size ", layout_.code_bits, ", 2 to 8 expected");
    layout_.data_at = in_.position();
    for (auto count = in_.u8("the picture data"); count != 0; count = in_.u8("the picture data"))
      in_.skip(count, "the picture data");
  }

  const Source& source_;
  ByteReader in_;
  Layout layout_;
  bool has_table_ = false;
};

/// The codes of the frame, bit by bit out of its sub-blocks.
class CodeReader {
 public:
  CodeReader(const Source& source, size_t at) : source_(source), in_(source, at) {}

  int next(int bits) {
    while (held_ < bits) {
      if (left_in_block_ == 0) {
        left_in_block_ = in_.u8("the picture data");
        if (left_in_block_ == 0) source_.refuse(Status::format, "the picture data ends before the last pixel");
      }
      buffer_ |= uint32_t{in_.u8("the picture data")} << held_;
      held_ += 8;
      --left_in_block_;
    }
    const auto code = static_cast<int>(buffer_ & ((1u << bits) - 1));
    buffer_ >>= bits;
    held_ -= bits;
    return code;
  }

 private:
  const Source& source_;
  ByteReader in_;
  uint32_t buffer_ = 0;
  int held_ = 0;
  int left_in_block_ = 0;
};

/// LZW as GIF has it: codes grow from code_bits + 1 to 12 bits, a clear code forgets the table, a full table stays.
class Lzw {
 public:
  Lzw(const Source& source, const Layout& layout)
      : source_(source),
        codes_(source, layout.data_at),
        clear_(1 << layout.code_bits),
        bits_(layout.code_bits + 1),
        next_(clear_ + 2) {}

  /// The next run of palette indices, at least one. Valid until the next call.
  std::span<const uint8_t> next_run() {
    for (;;) {
      const int code = codes_.next(bits_);
      if (code == clear_) {
        bits_ = std::bit_width(static_cast<unsigned>(clear_));
        next_ = clear_ + 2;
        previous_ = -1;
      } else if (code == clear_ + 1) {
        source_.refuse(Status::format, "the picture data ends before the last pixel");
      } else {
        return expand(code);
      }
    }
  }

 private:
  std::span<const uint8_t> expand(int code) {
    const bool is_new = code == next_ && previous_ >= 0;  // the string it is about to name
    if (!is_new && code >= (previous_ < 0 ? clear_ : next_)) {
      source_.refuse(Status::format, "LZW code ", code, " is not defined yet");
    }
    size_t begin = run_.size();
    if (is_new) run_[--begin] = first_;
    int walk = is_new ? previous_ : code;
    for (; walk > clear_; walk = prefix_[static_cast<size_t>(walk)]) run_[--begin] = suffix_[static_cast<size_t>(walk)];
    first_ = static_cast<uint8_t>(walk);
    run_[--begin] = first_;
    if (previous_ >= 0 && next_ < kMaxCodes) define(previous_, first_);
    previous_ = code;
    return std::span<const uint8_t>(run_).subspan(begin);
  }

  void define(int prefix, uint8_t suffix) {
    prefix_[static_cast<size_t>(next_)] = static_cast<uint16_t>(prefix);
    suffix_[static_cast<size_t>(next_)] = suffix;
    ++next_;
    if (next_ == 1 << bits_ && bits_ < 12) ++bits_;
  }

  const Source& source_;
  CodeReader codes_;
  int clear_, bits_, next_;
  int previous_ = -1;  // none since the last clear code
  uint8_t first_ = 0;  // first index of the previous run
  std::array<uint16_t, kMaxCodes> prefix_{};
  std::array<uint8_t, kMaxCodes> suffix_{};
  std::array<uint8_t, kMaxCodes + 2> run_{};  // filled from the end; a run is at most as long as the table
};

std::vector<int64_t> row_order(const Layout& layout) {
  std::vector<int64_t> rows;
  constexpr int64_t kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  for (size_t pass = 0; pass < 4 && layout.interlaced; ++pass) {
    for (auto y = kFirst[pass]; y < layout.height; y += kStep[pass]) rows.push_back(y);
  }
  for (int64_t y = 0; y < layout.height && !layout.interlaced; ++y) rows.push_back(y);
  return rows;
}

}  // namespace

Header walk_gif(const Source& source) { return BlockWalk(source).walk().header; }

Picture read_gif(const Source& source) {
  const auto layout = BlockWalk(source).walk();
  const auto* colour = layout.palette.data();
  RowSink sink(source, layout.header);
  if (layout.width * layout.height < layout.header.width * layout.header.height) {
    const auto* ground = colour + layout.ground * 3;
    sink.fill(ground[0], ground[1], ground[2]);
  }
  const auto lzw = std::make_unique<Lzw>(source, layout);  // 16 KiB: not on the stack
  std::span<const uint8_t> run;
  std::vector<uint8_t> rgb(static_cast<size_t>(layout.width) * 3);
  for (const auto row : row_order(layout)) {
    for (int64_t x = 0; x < layout.width; ++x) {
      if (run.empty()) run = lzw->next_run();
      std::memcpy(rgb.data() + x * 3, colour + run[0] * 3, 3);
      run = run.subspan(1);
    }
    sink.put(layout.top + row, rgb.data(), layout.width, layout.left);
  }
  return sink.take();
}

}  // namespace llava::core
