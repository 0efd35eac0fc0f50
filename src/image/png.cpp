// PNG pixels: zlib inflates, the filters and depths are ours. One row is in memory at a time, so a file cannot inflate
// into more than its header promised, and a long decode can be stopped at any row.
#include <zlib.h>

#include <cstdlib>
#include <cstring>

#include "image/codecs.hpp"
#include "image/png.hpp"

namespace llava::core {
namespace {

constexpr size_t kMostSurplus = 64 << 10;  // bytes behind the last row; a bomb would hide there

/// The zlib stream that runs through all IDAT chunks.
class DataStream {
 public:
  DataStream(const Source& source, size_t first_data) : source_(source), chunks_(source, first_data) {
    const int status = inflateInit(&zlib_);
    if (status != Z_OK)
      source_.refuse(status == Z_MEM_ERROR ? Status::out_of_memory : Status::internal, "zlib did not start");
  }
  DataStream(const DataStream&) = delete;
  DataStream& operator=(const DataStream&) = delete;
  ~DataStream() { inflateEnd(&zlib_); }

  void read(uint8_t* target, size_t count) {
    zlib_.next_out = target;
    zlib_.avail_out = static_cast<uInt>(count);
    while (zlib_.avail_out > 0) {
      if (ended_) source_.refuse(Status::format, "the compressed data ends before the last row");
      inflate_some();
    }
  }

  /// Reads on to the checksum at the end of the stream. A few bytes too many are let pass, as other readers do.
  void finish() {
    uint8_t rest[1024];
    size_t surplus = 0;
    while (!ended_) {
      zlib_.next_out = rest;
      zlib_.avail_out = sizeof rest;
      inflate_some();
      surplus += sizeof rest - zlib_.avail_out;
      if (surplus > kMostSurplus) source_.refuse(Status::format, "the compressed data holds more than the rows");
    }
  }

 private:
  void inflate_some() {
    if (zlib_.avail_in == 0) next_chunk();
    const int status = inflate(&zlib_, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) source_.refuse(Status::out_of_memory, "no memory for decoding");
    if (status == Z_STREAM_END)
      ended_ = true;
    else if (status != Z_OK && status != Z_BUF_ERROR)
      source_.refuse(Status::format, "the compressed data is damaged: ", zlib_.msg ? zlib_.msg : "zlib gave no reason");
  }

  void next_chunk() {
    const auto length = chunks_.be32("a chunk length");
    const auto type = chunks_.take(4, "a chunk type");
    if (std::memcmp(type.data(), "IDAT", 4) != 0) source_.refuse(Status::format, "the compressed data is cut off");
    const auto body = chunks_.take(length, "picture data");
    chunks_.skip(4, "a chunk checksum");
    zlib_.next_in = const_cast<Bytef*>(body.data());  // zlib's old interface; it only reads
    zlib_.avail_in = length;
  }

  const Source& source_;
  ByteReader chunks_;
  z_stream zlib_{};
  bool ended_ = false;
};

uint8_t paeth(int left, int above, int corner) {
  const int estimate = left + above - corner;
  const int to_left = std::abs(estimate - left), to_above = std::abs(estimate - above),
            to_corner = std::abs(estimate - corner);
  if (to_left <= to_above && to_left <= to_corner) return static_cast<uint8_t>(left);
  return static_cast<uint8_t>(to_above <= to_corner ? above : corner);
}

/// Undoes a row's filter in place. `above` is the row before it, zeros for the first; `pixel` the bytes of one pixel.
void unfilter(int filter, uint8_t* row, const uint8_t* above, size_t count, size_t pixel) {
  const auto add = [&](size_t i, int value) { row[i] = static_cast<uint8_t>(row[i] + value); };
  const auto first = std::min(pixel, count);  // the pixels without a left neighbour
  switch (filter) {
    case 1:
      for (size_t i = first; i < count; ++i) add(i, row[i - pixel]);
      break;
    case 2:
      for (size_t i = 0; i < count; ++i) add(i, above[i]);
      break;
    case 3:
      for (size_t i = 0; i < first; ++i) add(i, above[i] / 2);
      for (size_t i = first; i < count; ++i) add(i, (row[i - pixel] + above[i]) / 2);
      break;
    case 4:
      for (size_t i = 0; i < first; ++i) add(i, above[i]);
      for (size_t i = first; i < count; ++i) add(i, paeth(row[i - pixel], above[i], above[i - pixel]));
      break;
    default:
      break;
  }
}

/// One row of any colour type and depth as RGB bytes; of 16 bits the upper eight are kept, alpha is dropped.
void row_to_rgb(const PngLayout& layout, const uint8_t* row, int64_t width, uint8_t* rgb) {
  const int sample_bytes = layout.depth == 16 ? 2 : 1;
  const int pixel_bytes = sample_bytes * layout.samples();
  if (layout.colour == PngColour::rgb || layout.colour == PngColour::rgba) {
    for (int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) rgb[x * 3 + c] = row[x * pixel_bytes + c * sample_bytes];
    }
    return;
  }
  const bool packed = layout.depth < 8;
  const int per_byte = packed ? 8 / layout.depth : 1;
  const int highest = packed ? (1 << layout.depth) - 1 : 255;
  for (int64_t x = 0; x < width; ++x) {
    int value = row[packed ? x / per_byte : x * pixel_bytes];
    if (packed) value = value >> (8 - layout.depth * (x % per_byte + 1)) & highest;
    if (layout.colour == PngColour::palette) {
      std::memcpy(rgb + x * 3, layout.palette.data() + value * 3, 3);
    } else {
      std::memset(rgb + x * 3, value * (255 / highest), 3);
    }
  }
}

/// A picture, or one of the seven passes of Adam7: every `step`-th pixel from `first` on.
struct Pass {
  int64_t first_x, first_y, step_x, step_y;
};
constexpr Pass kWhole[] = {{0, 0, 1, 1}};
constexpr Pass kAdam7[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                           {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

class PixelReader {
 public:
  PixelReader(const Source& source, const PngLayout& layout)
      : source_(source), layout_(layout), stream_(source, layout.first_data), sink_(source, layout.header) {
    const auto bytes = static_cast<size_t>(layout.row_bytes(layout.header.width));
    row_.resize(bytes);
    above_.resize(bytes);
    rgb_.resize(static_cast<size_t>(layout.header.width) * 3);
  }

  Picture read() {
    const std::span<const Pass> passes = layout_.interlaced ? std::span<const Pass>(kAdam7) : kWhole;
    for (const auto& pass : passes) read_pass(pass);
    stream_.finish();
    return sink_.take();
  }

 private:
  void read_pass(const Pass& pass) {
    const auto width = (layout_.header.width - pass.first_x + pass.step_x - 1) / pass.step_x;
    if (width <= 0) return;
    const auto bytes = static_cast<size_t>(layout_.row_bytes(width));
    const auto pixel = static_cast<size_t>(std::max(1, layout_.samples() * layout_.depth / 8));
    std::fill(above_.begin(), above_.end(), uint8_t{0});
    for (auto y = pass.first_y; y < layout_.header.height; y += pass.step_y) {
      uint8_t filter = 0;
      stream_.read(&filter, 1);
      if (filter > 4) source_.refuse(Status::format, "row ", y, " has filter ", int{filter}, ", 0 to 4 expected");
      stream_.read(row_.data(), bytes);
      unfilter(filter, row_.data(), above_.data(), bytes, pixel);
      row_to_rgb(layout_, row_.data(), width, rgb_.data());
      sink_.put(y, rgb_.data(), width, pass.first_x, pass.step_x);
      row_.swap(above_);
    }
  }

  const Source& source_;
  const PngLayout& layout_;
  DataStream stream_;
  RowSink sink_;
  std::vector<uint8_t> row_, above_, rgb_;
};

}  // namespace

Picture read_png(const Source& source) {
  const auto layout = walk_png_chunks(source, Depth::whole);
  return PixelReader(source, layout).read();
}

}  // namespace llava::core
