package org.llava;

/** Layouts of raw pixels: order of bytes in memory, eight bits each, rows from top to bottom. */
public enum PixelFormat {
  GRAY8(NativeConstants.LLAVA_PIXELS_GRAY8, 1),
  RGB24(NativeConstants.LLAVA_PIXELS_RGB24, 3),
  BGR24(NativeConstants.LLAVA_PIXELS_BGR24, 3),
  RGBA32(NativeConstants.LLAVA_PIXELS_RGBA32, 4),
  BGRA32(NativeConstants.LLAVA_PIXELS_BGRA32, 4),
  ARGB32(NativeConstants.LLAVA_PIXELS_ARGB32, 4),
  /** Red, green, blue, a byte without meaning. */
  RGBX32(NativeConstants.LLAVA_PIXELS_RGBX32, 4);

  final int number;
  private final int bytes;

  PixelFormat(int number, int bytes) {
    this.number = number;
    this.bytes = bytes;
  }

  /** Bytes of a pixel. */
  public int bytes() {
    return bytes;
  }
}
