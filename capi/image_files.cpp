// Reading picture files, writing pixels.
#include "image_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/error.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::PixelFormat;
using core::Status;

namespace {

class File {
 public:
  explicit File(const std::string& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (number_ >= 0) return;
    const int why = errno;
    throw Error(why == ENOENT || why == ENOTDIR ? Status::not_found : Status::io,
                cat(path, ": ", std::generic_category().message(why)));
  }
  ~File() { ::close(number_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

uint8_t luma(const uint8_t* rgb) {  // ITU-R 601, as Pillow's convert("L") rounds it
  return static_cast<uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

void write_pixel(const uint8_t* rgb, PixelFormat format, uint8_t* to) {
  switch (format) {
    case PixelFormat::gray8:
      to[0] = luma(rgb);
      break;
    case PixelFormat::rgbx32:
    case PixelFormat::rgba32:
      to[3] = 255;
      [[fallthrough]];
    case PixelFormat::rgb24:
      std::memcpy(to, rgb, 3);
      break;
    case PixelFormat::bgra32:
      to[3] = 255;
      [[fallthrough]];
    case PixelFormat::bgr24:
      to[0] = rgb[2], to[1] = rgb[1], to[2] = rgb[0];
      break;
    case PixelFormat::argb32:
      to[0] = 255, std::memcpy(to + 1, rgb, 3);
      break;
  }
}

std::string base64(const std::string& bytes) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const auto byte = [&](size_t at) { return at < left ? static_cast<uint8_t>(bytes[i + at]) : 0u; };
    const uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += kLetters[group >> 18];
    text += kLetters[group >> 12 & 63];
    text += left > 1 ? kLetters[group >> 6 & 63] : '=';
    text += left > 2 ? kLetters[group & 63] : '=';
  }
  return text;
}

void put_le32(std::string& out, uint32_t value) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i) & 255);
}

}  // namespace

std::vector<uint8_t> read_picture_file(const std::string& path, int64_t max_bytes) {
  const File file(path);
  struct stat about = {};
  if (::fstat(file.number(), &about) != 0)
    throw Error(Status::io, cat(path, ": ", std::generic_category().message(errno)));
  if (!S_ISREG(about.st_mode)) throw Error(Status::io, cat(path, " is no regular file"));
  if (about.st_size > max_bytes)
    throw Error(Status::limit, cat(path, " has ", static_cast<long long>(about.st_size), " bytes, at most ", max_bytes))
        .with("limit", max_bytes);
  if (about.st_size == 0) throw Error(Status::format, cat(path, " is empty"));
  std::vector<uint8_t> bytes(static_cast<size_t>(about.st_size));
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(Status::io, cat(path, ": ", std::generic_category().message(errno)));
    if (got == 0) throw Error(Status::io, cat(path, " became shorter while it was read"));
    have += static_cast<size_t>(got);
  }
  return bytes;
}

std::span<const uint8_t> byte_argument(const void* bytes, size_t size) {
  if (!bytes) throw Error(Status::argument, "bytes is NULL, expected a picture file");
  if (size == 0) throw Error(Status::argument, "size is 0, expected a picture file");
  return {static_cast<const uint8_t*>(bytes), size};
}

void write_pixels(const core::Picture& picture, PixelFormat format, uint8_t* to) {
  const auto step = static_cast<size_t>(core::pixel_bytes(format));
  for (size_t i = 0; i < picture.rgb.size() / 3; ++i) write_pixel(picture.rgb.data() + 3 * i, format, to + step * i);
}

std::string bmp_data_uri(const core::Picture& picture) {
  const auto width = static_cast<size_t>(picture.width), height = static_cast<size_t>(picture.height);
  const size_t row = (width * 3 + 3) / 4 * 4;
  std::string bytes = "BM";
  bytes.reserve(54 + row * height);
  for (const size_t value : {54 + row * height, size_t{0}, size_t{54}, size_t{40}, width, height})
    put_le32(bytes, static_cast<uint32_t>(value));
  put_le32(bytes, 24u << 16 | 1u);  // one plane, 24 bits
  for (const size_t value : {size_t{0}, row * height, size_t{2835}, size_t{2835}, size_t{0}, size_t{0}})
    put_le32(bytes, static_cast<uint32_t>(value));
  for (size_t y = height; y-- > 0;) {  // rows lie bottom-up
    for (size_t x = 0; x < width; ++x) {
      const uint8_t* rgb = picture.rgb.data() + 3 * (y * width + x);
      bytes += {static_cast<char>(rgb[2]), static_cast<char>(rgb[1]), static_cast<char>(rgb[0])};
    }
    bytes.append(row - width * 3, '\0');
  }
  return "data:image/bmp;base64," + base64(bytes);
}

}  // namespace llava::capi
