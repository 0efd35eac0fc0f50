package org.llava;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;

/** A decoded picture. It never changes and may be used by any number of messages and threads. */
public final class Image extends NativeObject implements Picture {
  private static final int MOST_BYTES = 1 << 30; // what ImageOptions.maxBytes may be raised to

  Image(long handle) {
    super(handle, Native::llava_image_free);
  }

  /** Makes something of an option struct; the handle it puts out is an image's. */
  private interface Opener {
    void open(llava_image_options options, long[] out);
  }

  private static Image open(ImageOptions options, Opener opener) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_image_options> filled = ImageOptions.fill(options, use)) {
      opener.open(filled.struct, out);
    }
    return new Image(out[0]);
  }

  /** Reads and decodes a picture file: JPEG, PNG, BMP, GIF (first frame), WebP where built in. */
  public static Image of(Path path) {
    return of(path, null);
  }

  /** The same with options; null for defaults. */
  public static Image of(Path path, ImageOptions options) {
    String name = path.toString();
    return open(options, (struct, out) -> Native.llava_image_from_file(name, struct, out));
  }

  /** Decodes a picture file that lies in memory. */
  public static Image of(byte[] bytes) {
    return of(bytes, null);
  }

  /** The same with options; null for defaults. */
  public static Image of(byte[] bytes, ImageOptions options) {
    Objects.requireNonNull(bytes, "bytes");
    return open(options, (struct, out) -> Native.llava_image_from_memory(bytes, struct, out));
  }

  /** Decodes what remains of a buffer; a direct one is read where it lies. The buffer's position stays. */
  public static Image of(ByteBuffer bytes, ImageOptions options) {
    Object memory = memory(bytes);
    return open(options, (struct, out) -> Native.llava_image_from_memory(memory, struct, out));
  }

  /** Decodes what a stream holds to its end; the stream is not closed. */
  public static Image of(InputStream stream) throws IOException {
    return of(stream, null);
  }

  /** The same with options; null for defaults. */
  public static Image of(InputStream stream, ImageOptions options) throws IOException {
    return of(stream.readNBytes(MOST_BYTES), options);
  }

  /** Decodes a text such as {@code data:image/png;base64,...}; other addresses are refused, nothing is fetched. */
  public static Image ofDataUri(String uri, ImageOptions options) {
    Objects.requireNonNull(uri, "uri");
    return open(options, (struct, out) -> Native.llava_image_from_data_uri(uri, struct, out));
  }

  /**
   * Copies raw pixels.
   *
   * @param pixels  from its position the rows, the top one first, or the bottom one where `stride` is negative
   * @param stride  bytes from a row to the one below it; 0 for rows without gaps; negative when rows lie bottom-up
   */
  public static Image ofPixels(ByteBuffer pixels, int width, int height, long stride, PixelFormat format) {
    long row = (long) width * format.bytes();
    long step = stride == 0 ? row : Math.abs(stride);
    if (width < 1 || height < 1 || step < row) {
      throw new LlavaException.InvalidArgument("pixels are " + width + " x " + height + " with a stride of " + stride
          + " bytes, expected 1 x 1 or more and a stride of at least " + row);
    }
    long needed = Math.addExact(Math.multiplyExact(step, height - 1L), row);
    if (pixels.remaining() < needed) {
      throw new LlavaException.InvalidArgument("pixels are " + pixels.remaining() + " bytes, expected " + needed);
    }
    long[] out = new long[1];
    Object memory = stride < 0 ? upright(pixels, (int) row, height, (int) step) : memory(pixels);
    Native.llava_image_from_pixels(memory, width, height, stride < 0 ? 0 : stride, format.number, out);
    return new Image(out[0]);
  }

  /** The same of an array. */
  public static Image ofPixels(byte[] pixels, int width, int height, long stride, PixelFormat format) {
    return ofPixels(ByteBuffer.wrap(pixels), width, height, stride, format);
  }

  /** Reads size and kind of a picture file without decoding it; its first 64 KiB are nearly always enough. */
  public static ImageInfo probe(byte[] bytes) {
    Objects.requireNonNull(bytes, "bytes");
    llava_image_desc desc = new llava_image_desc();
    try {
      Native.llava_image_probe(bytes, desc);
      return ImageInfo.of(desc);
    } finally {
      desc.delete();
    }
  }

  /** Rows that lie bottom-up, top-down without gaps. */
  private static byte[] upright(ByteBuffer pixels, int row, int height, int step) {
    byte[] rows = new byte[Math.multiplyExact(row, height)];
    for (int y = 0; y < height; y++) {
      pixels.duplicate().position(pixels.position() + (height - 1 - y) * step).get(rows, y * row, row);
    }
    return rows;
  }

  /** What the generated code takes: a direct buffer that begins where `buffer` stands, else an array. */
  static Object memory(ByteBuffer buffer) {
    if (buffer.isDirect()) return buffer.slice();
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
  }

  /** What is known about it. */
  public ImageInfo info() {
    llava_image_desc desc = new llava_image_desc();
    try (Use use = new Use()) {
      Native.llava_image_info(use.of(this), desc);
      return ImageInfo.of(desc);
    } finally {
      desc.delete();
    }
  }

  /** Pixels from left to right. */
  public int width() {
    return info().width();
  }

  /** Pixels from top to bottom. */
  public int height() {
    return info().height();
  }

  /** The decoded pixels, rows without gaps; opacity is 255. */
  public byte[] pixels(PixelFormat format) {
    long[] needed = new long[1];
    try (Use use = new Use()) {
      long handle = use.of(this);
      Native.llava_image_pixels(handle, format.number, null, needed);
      byte[] pixels = new byte[Math.toIntExact(needed[0])];
      Native.llava_image_pixels(handle, format.number, pixels, needed);
      return pixels;
    }
  }

  /**
   * Writes them into a direct buffer from its position on, which moves behind them.
   *
   * @throws LlavaException.BufferTooSmall when they do not fit
   */
  public void pixels(PixelFormat format, ByteBuffer direct) {
    if (!direct.isDirect() || direct.isReadOnly()) {
      throw new LlavaException.InvalidArgument("the buffer is no writable direct one, expected ByteBuffer.allocateDirect()");
    }
    long[] needed = new long[1];
    try (Use use = new Use()) {
      Native.llava_image_pixels(use.of(this), format.number, direct.slice(), needed);
    }
    direct.position(direct.position() + Math.toIntExact(needed[0]));
  }

  @Override
  public String toString() {
    if (isClosed()) return super.toString();
    ImageInfo info = info();
    return "llava.Image " + info.width() + " x " + info.height() + " (" + info.source() + ")";
  }
}
