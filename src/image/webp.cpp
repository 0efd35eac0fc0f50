// Still WebP by libwebp, fed piece by piece so that it can be stopped. The RIFF size must fit the file: a picture that
// was cut off is refused before a pixel is decoded.
#include "image/codecs.hpp"
#include "image/exif.hpp"

#ifdef LLAVA_WITH_WEBP
#include <webp/decode.h>

#include <cstring>
#include <memory>
#endif

namespace llava::core {

#ifdef LLAVA_WITH_WEBP

namespace {

constexpr size_t kPiece = 64 << 10;  // bytes between two looks at the cancel token

/// Chunks inside the RIFF frame; finds the EXIF chunk.
int32_t walk_chunks(const Source& source, size_t end) {
  ByteReader in(source, 12);
  int32_t orientation = 1;
  while (in.position() < end) {
    const auto type = in.take(4, "a chunk type");
    const auto length = size_t{in.le32("a chunk length")};
    const auto body = in.take(length, "a chunk");
    if (std::memcmp(type.data(), "EXIF", 4) == 0) orientation = exif_orientation(body);
    if (length % 2 == 1 && in.position() < end) in.skip(1, "a chunk's padding");
  }
  return orientation;
}

struct Free {
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

}  // namespace

Header walk_webp(const Source& source, Depth depth) {
  ByteReader in(source, 4);
  const auto riff_bytes = size_t{in.le32("the RIFF size")};
  WebPBitstreamFeatures features;
  const auto status = WebPGetFeatures(source.bytes.data(), source.bytes.size(), &features);
  if (status == VP8_STATUS_UNSUPPORTED_FEATURE) source.refuse(Status::unsupported, "this kind of WebP is not read");
  if (status != VP8_STATUS_OK) source.refuse(Status::format, "the header is damaged or cut off");
  Header header{features.width, features.height, 1};
  source.check_size(header.width, header.height);
  if (features.has_animation) source.refuse(Status::unsupported, "animations are not read; a still picture expected");
  if (riff_bytes + 8 > source.bytes.size() && depth == Depth::whole) {
    source.refuse(Status::format, "the file is cut off: ", riff_bytes + 8, " bytes announced, ", source.bytes.size(),
                  " are there");
  }
  header.orientation = walk_chunks(source, std::min(riff_bytes + 8, source.bytes.size()));
  return header;
}

Picture read_webp(const Source& source) {
  const auto header = walk_webp(source, Depth::whole);
  const auto stride = static_cast<size_t>(header.width) * 3;
  std::vector<uint8_t> rgb(stride * static_cast<size_t>(header.height));
  const std::unique_ptr<WebPIDecoder, Free> decoder(
      WebPINewRGB(MODE_RGB, rgb.data(), rgb.size(), static_cast<int>(stride)));
  if (!decoder) source.refuse(Status::out_of_memory, "no memory for decoding");
  auto status = VP8_STATUS_SUSPENDED;
  for (size_t end = 0; status == VP8_STATUS_SUSPENDED && end < source.bytes.size();) {
    source.options.cancel.poll("picture decoding");
    end = std::min(end + kPiece, source.bytes.size());
    status = WebPIUpdate(decoder.get(), source.bytes.data(), end);
  }
  if (status == VP8_STATUS_OUT_OF_MEMORY) source.refuse(Status::out_of_memory, "no memory for decoding");
  if (status != VP8_STATUS_OK) source.refuse(Status::format, "the picture data is damaged or cut off");
  RowSink sink(source, header);
  for (int64_t row = 0; row < header.height; ++row)
    sink.put(row, rgb.data() + stride * static_cast<size_t>(row), header.width);
  return sink.take();
}

#else

namespace {
[[noreturn]] void not_built(const Source& source) {
  source.refuse(Status::unsupported, "not read by this build; JPEG, PNG, BMP or GIF expected");
}
}  // namespace

Header walk_webp(const Source& source, Depth) { not_built(source); }

Picture read_webp(const Source& source) { not_built(source); }

#endif

}  // namespace llava::core
