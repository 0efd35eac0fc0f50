// BMP by our own hand: rows are stored plainly, and no library agrees with Pillow on 5-bit channels.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "image/codecs.hpp"

namespace llava::core {
namespace {

constexpr uint32_t kPlain = 0, kRle8 = 1, kRle4 = 2, kBitFields = 3;
constexpr size_t kFileHeader = 14;

struct Layout {
  Header header;
  bool top_down = false;
  uint32_t bits = 0;
  std::array<uint32_t, 3> masks{};         // red, green, blue, for 16 and 32 bits
  std::array<uint8_t, 256 * 3> palette{};  // RGB; places beyond the stored colours are black
  size_t pixels_at = 0;

  size_t stride() const { return (static_cast<size_t>(header.width) * bits + 31) / 32 * 4; }
};

class HeaderReader {
 public:
  explicit HeaderReader(const Source& source) : source_(source), in_(source, 10) {}

  Layout read() {
    const auto stored_offset = in_.le32("the file header");
    header_bytes_ = in_.le32("the header size");
    read_size();
    read_bits();
    read_masks();
    const auto palette_bytes = layout_.bits <= 8 ? read_palette() : 0;
    layout_.pixels_at = stored_offset;
    // Some writers point at the palette instead of the pixels, or nowhere; Pillow knows them too.
    if (stored_offset == kFileHeader + header_bytes_) layout_.pixels_at += palette_bytes;
    if (stored_offset == 0) layout_.pixels_at = std::max(kFileHeader + header_bytes_, masks_end_) + palette_bytes;
    if (layout_.pixels_at < kFileHeader + header_bytes_) {
      source_.refuse(Status::format, "the pixels begin at byte ", layout_.pixels_at, ", inside the header");
    }
    return check_pixels(), layout_;
  }

 private:
  void read_size() {
    constexpr uint32_t kKnown[] = {12, 40, 52, 56, 64, 108, 124};
    if (std::find(std::begin(kKnown), std::end(kKnown), header_bytes_) == std::end(kKnown)) {
      source_.refuse(Status::format, "a header of ", header_bytes_, " bytes; 12, 40, 52, 56, 64, 108 or 124 expected");
    }
    ByteReader(source_, kFileHeader).skip(header_bytes_, "the header");
    if (header_bytes_ == 12) {
      layout_.header.width = in_.le16("the width");
      layout_.header.height = in_.le16("the height");
    } else {
      layout_.header.width = static_cast<int32_t>(in_.le32("the width"));
      const int64_t height = static_cast<int32_t>(in_.le32("the height"));
      layout_.top_down = height < 0;
      layout_.header.height = height < 0 ? -height : height;
    }
    source_.check_size(layout_.header.width, layout_.header.height);
  }

  void read_bits() {
    in_.skip(2, "the planes");
    layout_.bits = in_.le16("the bits a pixel");
    compression_ = header_bytes_ == 12 ? kPlain : in_.le32("the compression");
    if (compression_ == kRle8 || compression_ == kRle4)
      source_.refuse(Status::unsupported, "run-length coding is not read; uncompressed pixels expected");
    if (compression_ > kBitFields || (compression_ == kBitFields && header_bytes_ == 64)) {
      source_.refuse(Status::unsupported, "compression ", compression_, " is not read; uncompressed pixels expected");
    }
    constexpr uint32_t kKnown[] = {1, 4, 8, 16, 24, 32};
    if (std::find(std::begin(kKnown), std::end(kKnown), layout_.bits) == std::end(kKnown)) {
      source_.refuse(layout_.bits == 2 ? Status::unsupported : Status::format, layout_.bits,
                     " bits a pixel; 1, 4, 8, 16, 24 or 32 expected");
    }
  }

  void read_masks() {
    layout_.masks = layout_.bits == 16 ? std::array{0x7C00u, 0x03E0u, 0x001Fu} : std::array{0xFF0000u, 0xFF00u, 0xFFu};
    if (compression_ != kBitFields) return;
    if (layout_.bits <= 8) source_.refuse(Status::format, "bit fields with ", layout_.bits, " bits a pixel");
    ByteReader at(source_, 54);  // behind a 40-byte header, inside the longer ones
    std::array<uint32_t, 3> masks{};
    for (auto& mask : masks) mask = at.le32("the colour masks");
    masks_end_ = 66;
    const bool none = masks == std::array{0u, 0u, 0u};
    if (layout_.bits == 32 && none) return;  // written by some programs for plain BGRA
    bool known = layout_.bits == 16 ? masks == layout_.masks || masks == std::array{0xF800u, 0x07E0u, 0x001Fu}
                                    : layout_.bits == 32 || masks == layout_.masks;
    for (const auto mask : masks) {
      if (layout_.bits == 32)
        known = known && mask != 0 && std::countr_zero(mask) % 8 == 0 && mask >> std::countr_zero(mask) == 0xFF;
    }
    if (!known)
      source_.refuse(Status::unsupported, "these colour masks are not read; 5-5-5, 5-6-5 or 8 bits a channel expected");
    layout_.masks = masks;
  }

  size_t read_palette() {
    const bool old = header_bytes_ == 12;
    uint32_t colours = 0;
    if (!old) {
      ByteReader at(source_, kFileHeader + 32);
      colours = at.le32("the number of colours");
    }
    if (colours == 0) colours = 1u << layout_.bits;
    if (colours > 256) source_.refuse(Status::format, "a palette of ", colours, " colours, at most 256 allowed");
    const size_t entry = old ? 3 : 4;
    ByteReader at(source_, kFileHeader + header_bytes_);
    const auto bytes = at.take(colours * entry, "the palette");
    for (size_t i = 0; i < colours; ++i) {
      for (size_t c = 0; c < 3; ++c) layout_.palette[i * 3 + c] = bytes[i * entry + 2 - c];
    }
    return bytes.size();
  }

  void check_pixels() {
    const auto used = (static_cast<size_t>(layout_.header.width) * layout_.bits + 7) / 8;
    const auto needed = layout_.stride() * static_cast<size_t>(layout_.header.height - 1) + used;
    ByteReader(source_, layout_.pixels_at).skip(needed, "the pixels");
  }

  const Source& source_;
  ByteReader in_;
  Layout layout_;
  uint32_t header_bytes_ = 0, compression_ = 0;
  size_t masks_end_ = 0;
};

/// A channel of a 16- or 32-bit pixel, stretched to 0..255 by truncating division, as Pillow does.
uint8_t channel(uint32_t pixel, uint32_t mask) {
  const int shift = std::countr_zero(mask);
  return static_cast<uint8_t>(((pixel & mask) >> shift) * 255u / (mask >> shift));
}

void row_to_rgb(const Layout& layout, const uint8_t* row, uint8_t* rgb) {
  for (int64_t x = 0; x < layout.header.width; ++x, rgb += 3) {
    if (layout.bits <= 8) {
      const int per_byte = static_cast<int>(8 / layout.bits);
      const auto shift = 8 - static_cast<int>(layout.bits) * (x % per_byte + 1);
      const auto index = row[x / per_byte] >> shift & ((1 << layout.bits) - 1);
      std::memcpy(rgb, layout.palette.data() + index * 3, 3);
    } else if (layout.bits == 24) {
      for (int c = 0; c < 3; ++c) rgb[c] = row[x * 3 + 2 - c];
    } else {
      uint32_t pixel = 0;
      const int bytes = static_cast<int>(layout.bits / 8);
      for (int i = bytes - 1; i >= 0; --i) pixel = pixel << 8 | row[x * bytes + i];
      for (size_t c = 0; c < 3; ++c) rgb[c] = channel(pixel, layout.masks[c]);
    }
  }
}

}  // namespace

Header walk_bmp(const Source& source) { return HeaderReader(source).read().header; }

Picture read_bmp(const Source& source) {
  const auto layout = HeaderReader(source).read();
  RowSink sink(source, layout.header);
  std::vector<uint8_t> rgb(static_cast<size_t>(layout.header.width) * 3);
  for (int64_t i = 0; i < layout.header.height; ++i) {
    row_to_rgb(layout, source.bytes.data() + layout.pixels_at + layout.stride() * static_cast<size_t>(i), rgb.data());
    sink.put(layout.top_down ? i : layout.header.height - 1 - i, rgb.data(), layout.header.width);
  }
  return sink.take();
}

}  // namespace llava::core
