// JPEG pixels by libjpeg-turbo with Pillow's settings: slow integer DCT, smooth upsampling of colour. A warning of the
// library is an error here, because it means invented pixels; only stray bytes between segments pass, as in Pillow.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE

#include <jerror.h>
#include <jpeglib.h>

#include "image/codecs.hpp"

namespace llava::core {
namespace {

/// libjpeg's structures and what its callbacks need. They are reached through client_data.
struct Reader {
  const Source& source;
  jpeg_decompress_struct library{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf failed;
  char message[JMSG_LENGTH_MAX] = {};
  int code = 0;          // libjpeg's message number
  bool stopped = false;  // by the cancel token

  explicit Reader(const Source& from) : source(from) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { jpeg_destroy_decompress(&library); }
};

Reader& reader_of(j_common_ptr library) { return *static_cast<Reader*>(library->client_data); }

[[noreturn]] void on_error(j_common_ptr library) {
  auto& reader = reader_of(library);
  library->err->format_message(library, reader.message);
  reader.code = library->err->msg_code;
  std::longjmp(reader.failed, 1);
}

void on_message(j_common_ptr library, int level) {
  if (level < 0 && library->err->msg_code != JWRN_EXTRANEOUS_DATA) on_error(library);
}

void on_progress(j_common_ptr library) {
  auto& reader = reader_of(library);
  if (!reader.source.options.cancel.stopped()) return;
  reader.stopped = true;
  std::longjmp(reader.failed, 1);
}

void no_output(j_common_ptr) {}

// Pillow reads four components as inverted CMYK, whatever the Adobe mark says, and turns them into RGB in 8-bit steps.
void cmyk_to_rgb(const uint8_t* inverted, uint8_t* rgb, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const int white = inverted[i * 4 + 3];  // 255 - black
    for (int64_t c = 0; c < 3; ++c) {
      const int product = (255 - inverted[i * 4 + c]) * white + 128;
      rgb[i * 3 + c] = static_cast<uint8_t>(std::max(0, white - ((product + (product >> 8)) >> 8)));
    }
  }
}

void gray_to_rgb(const uint8_t* gray, uint8_t* rgb, int64_t count) {
  for (int64_t i = 0; i < count; ++i) rgb[i * 3] = rgb[i * 3 + 1] = rgb[i * 3 + 2] = gray[i];
}

void start(Reader& reader, const Header& header) {
  auto& library = reader.library;
  library.err = jpeg_std_error(&reader.errors);
  library.client_data = &reader;
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.errors.output_message = no_output;
  jpeg_create_decompress(&library);  // keeps err and client_data
  reader.progress.progress_monitor = on_progress;
  library.progress = &reader.progress;
  // coefficients of a progressive picture take up to 2 bytes for each of 4 components
  library.mem->max_memory_to_use = header.width * header.height * 8 + (int64_t{64} << 20);
  jpeg_mem_src(&library, reader.source.bytes.data(), reader.source.bytes.size());
  jpeg_read_header(&library, TRUE);
  const auto components = library.num_components;
  library.out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  library.dct_method = JDCT_ISLOW;
  library.do_fancy_upsampling = TRUE;
  jpeg_start_decompress(&library);
}

void rows(Reader& reader, RowSink& sink, uint8_t* line, uint8_t* rgb) {
  auto& library = reader.library;
  const int64_t width = library.output_width;
  while (library.output_scanline < library.output_height) {
    const int64_t row = library.output_scanline;
    JSAMPROW target = line;
    jpeg_read_scanlines(&library, &target, 1);
    if (library.output_components == 3) {
      sink.put(row, line, width);
      continue;
    }
    library.output_components == 1 ? gray_to_rgb(line, rgb, width) : cmyk_to_rgb(line, rgb, width);
    sink.put(row, rgb, width);
  }
  jpeg_finish_decompress(&library);
}

/// False when libjpeg gave up. Nothing with a destructor lives in this frame: longjmp passes over it.
bool run(Reader& reader, const Header& header, RowSink& sink, uint8_t* line, uint8_t* rgb) {
  if (setjmp(reader.failed)) return false;
  start(reader, header);
  rows(reader, sink, line, rgb);
  return true;
}

[[noreturn]] void explain(const Reader& reader) {
  const auto& source = reader.source;
  if (reader.stopped) {
    source.options.cancel.poll("picture decoding");
    source.refuse(Status::cancelled, "cancelled during picture decoding");  // the token was reset meanwhile
  }
  if (reader.code == JERR_OUT_OF_MEMORY) source.refuse(Status::out_of_memory, "no memory for decoding");
  if (reader.code == JERR_NO_BACKING_STORE)
    source.refuse(Status::limit, "decoding needs more memory than its size allows");
  source.refuse(Status::format, reader.message);
}

}  // namespace

Picture read_jpeg(const Source& source) {
  const auto header = walk_jpeg(source, Depth::whole);
  RowSink sink(source, header);
  std::vector<uint8_t> line(static_cast<size_t>(header.width) * 4), rgb(static_cast<size_t>(header.width) * 3);
  Reader reader(source);
  if (!run(reader, header, sink, line.data(), rgb.data())) explain(reader);
  return sink.take();
}

}  // namespace llava::core
