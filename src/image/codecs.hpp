// The readers behind decode_picture(), one pair a format: walk() checks the container and finds size and orientation,
// read() gives the picture. Internal to image/.
#pragma once

#include "image/source.hpp"

namespace llava::core {

/// JPEG: marker by marker, baseline and progressive, 8 bit, 1, 3 or 4 components. Pixels by libjpeg-turbo.
/// Source of the marker rules: ITU-T T.81, annex B.
Header walk_jpeg(const Source& source, Depth depth);
Picture read_jpeg(const Source& source);

/// PNG: chunk by chunk, all colour types and depths, Adam7. Inflate by zlib. Source: PNG specification, third edition.
Header walk_png(const Source& source, Depth depth);
Picture read_png(const Source& source);

/// BMP: uncompressed, 1 to 32 bits, and bit fields. Source: Pillow 13.0 BmpImagePlugin for what is read how.
Header walk_bmp(const Source& source);
Picture read_bmp(const Source& source);

/// GIF: frame 0. Source: GIF89a specification; Pillow 13.0 GifImagePlugin for what lies under a small frame.
Header walk_gif(const Source& source);
Picture read_gif(const Source& source);

/// WebP: still pictures, by libwebp; without it both throw Error(unsupported).
Header walk_webp(const Source& source, Depth depth);
Picture read_webp(const Source& source);

}  // namespace llava::core
