// Walks a PNG from chunk to chunk before a byte is inflated. That IEND must be reached is our own demand: most decoders
// are content with a file cut off after its last pixel, or in the middle of the last row.
#include <zlib.h>

#include <cstring>

#include "image/codecs.hpp"
#include "image/exif.hpp"
#include "image/png.hpp"

namespace llava::core {
namespace {

constexpr uint32_t chunk_code(const char (&name)[5]) {
  return uint32_t(name[0]) << 24 | uint32_t(name[1]) << 16 | uint32_t(name[2]) << 8 | uint32_t(name[3]);
}
constexpr uint32_t kIhdr = chunk_code("IHDR"), kPlte = chunk_code("PLTE"), kIdat = chunk_code("IDAT"),
                   kIend = chunk_code("IEND"), kTrns = chunk_code("tRNS"), kExif = chunk_code("eXIf");
constexpr uint32_t kAncillary = 0x20000000;  // lower-case first letter

bool is_letter(uint8_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool legal_depth(PngColour colour, int depth) {
  switch (colour) {
    case PngColour::grey:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PngColour::palette:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case PngColour::rgb:
    case PngColour::grey_alpha:
    case PngColour::rgba:
      return depth == 8 || depth == 16;
  }
  return false;
}

class ChunkWalk {
 public:
  ChunkWalk(const Source& source, Depth depth) : source_(source), depth_(depth), in_(source, 8) {}

  PngLayout walk() {
    while (step()) {
    }
    return layout_;
  }

 private:
  bool step() {
    const auto at = in_.position();
    const auto length = in_.be32("a chunk length; IEND was not reached");
    const auto type = in_.take(4, "a chunk type");
    const auto code = uint32_t{type[0]} << 24 | uint32_t{type[1]} << 16 | uint32_t{type[2]} << 8 | type[3];
    for (const auto letter : type) {
      if (!is_letter(letter))
        source_.refuse(Status::format, "the chunk at byte ", at, " has a type that is not four letters");
    }
    name_.assign(type.begin(), type.end());
    if ((at == 8) != (code == kIhdr))
      source_.refuse(Status::format, "chunk ", name_, " at byte ", at, "; IHDR must be first, and once");
    if (code == kIdat && depth_ == Depth::header) return finish_header();
    const auto body = in_.take(length, "a chunk");
    if (code == kIhdr) read_header(body);  // sizes are judged before the file is read for its checksums
    check_crc(type.data(), length);
    if (code == kIdat) return data(at, length), true;
    last_was_data_ = false;
    if (code == kIend) return end(length);
    if (code == kPlte) return read_palette(body), true;
    if (code & kAncillary) return ancillary(code, body), true;
    if (code != kIhdr) source_.refuse(Status::unsupported, "critical chunk ", name_, " is not known");
    return true;
  }

  void check_crc(const uint8_t* type, uint32_t length) {
    const auto found = in_.be32("a chunk checksum");
    if (depth_ == Depth::header) return;
    source_.options.cancel.poll("picture decoding");
    const auto computed = static_cast<uint32_t>(crc32(0, type, length + 4));
    if (found != computed) source_.refuse(Status::format, "the checksum of chunk ", name_, " is wrong");
  }

  void read_header(std::span<const uint8_t> body) {
    if (body.size() != 13) source_.refuse(Status::format, "IHDR has ", body.size(), " bytes, 13 expected");
    const auto number = [&](size_t at) {
      return int64_t{body[at]} << 24 | int64_t{body[at + 1]} << 16 | int64_t{body[at + 2]} << 8 | body[at + 3];
    };
    layout_.header.width = number(0);
    layout_.header.height = number(4);
    source_.check_size(layout_.header.width, layout_.header.height);
    layout_.depth = body[8];
    layout_.colour = static_cast<PngColour>(body[9]);
    if (!legal_depth(layout_.colour, layout_.depth)) {
      source_.refuse(Status::format, "colour type ", int{body[9]}, " with ", layout_.depth,
                     " bits is not one of the 15 legal pairs");
    }
    if (body[10] != 0) source_.refuse(Status::format, "compression method ", int{body[10]}, ", 0 expected");
    if (body[11] != 0) source_.refuse(Status::format, "filter method ", int{body[11]}, ", 0 expected");
    if (body[12] > 1) source_.refuse(Status::format, "interlace method ", int{body[12]}, ", 0 or 1 expected");
    layout_.interlaced = body[12] == 1;
  }

  void read_palette(std::span<const uint8_t> body) {
    if (palette_entries_ != 0) source_.refuse(Status::format, "a second palette");
    if (layout_.first_data != 0) source_.refuse(Status::format, "the palette comes after the picture data");
    if (body.empty() || body.size() > 768 || body.size() % 3 != 0) {
      source_.refuse(Status::format, "a palette of ", body.size(), " bytes, 3 to 768 and a multiple of 3 expected");
    }
    palette_entries_ = body.size() / 3;
    std::memcpy(layout_.palette.data(), body.data(), body.size());
  }

  void data(size_t at, uint32_t length) {
    if (layout_.first_data != 0 && !last_was_data_)
      source_.refuse(Status::format, "IDAT chunks with others between them");
    if (layout_.first_data == 0) {
      layout_.first_data = at;
      need_palette();
    }
    last_was_data_ = true;
    data_bytes_ += length;
  }

  void need_palette() {
    if (layout_.colour == PngColour::palette && palette_entries_ == 0)
      source_.refuse(Status::format, "a palette picture without a palette");
  }

  bool finish_header() {
    need_palette();
    return false;
  }

  bool end(uint32_t length) {
    if (length != 0) source_.refuse(Status::format, "IEND has ", length, " bytes, 0 expected");
    if (data_bytes_ == 0) source_.refuse(Status::format, "there is no picture data (IDAT)");
    return false;
  }

  void ancillary(uint32_t code, std::span<const uint8_t> body) {
    ancillary_bytes_ += static_cast<int64_t>(body.size());
    if (std::cmp_greater(body.size(), limits::kPngChunkBytes) || ancillary_bytes_ > limits::kPngAncillaryBytes) {
      source_.refuse(Status::limit, "chunk ", name_, " of ", body.size(), " bytes, ", ancillary_bytes_,
                     " with others like it; at most ", limits::kPngChunkBytes, " and ", limits::kPngAncillaryBytes,
                     " allowed");
    }
    if (code == kExif) layout_.header.orientation = exif_orientation(body);
    if (code == kTrns) check_transparency(body.size());
  }

  void check_transparency(size_t bytes) {
    const bool fits = layout_.colour == PngColour::palette ? bytes <= palette_entries_
                      : layout_.colour == PngColour::grey  ? bytes == 2
                      : layout_.colour == PngColour::rgb   ? bytes == 6
                                                           : true;  // has alpha already; ignored by all readers
    if (!fits) source_.refuse(Status::format, "tRNS of ", bytes, " bytes does not fit the colours it speaks of");
  }

  const Source& source_;
  Depth depth_;
  ByteReader in_;
  PngLayout layout_;
  std::string name_;
  size_t palette_entries_ = 0;
  int64_t data_bytes_ = 0, ancillary_bytes_ = 0;
  bool last_was_data_ = false;
};

}  // namespace

PngLayout walk_png_chunks(const Source& source, Depth depth) { return ChunkWalk(source, depth).walk(); }

Header walk_png(const Source& source, Depth depth) { return walk_png_chunks(source, depth).header; }

}  // namespace llava::core
