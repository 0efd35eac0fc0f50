package org.llava.awt;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.awt.image.DataBufferInt;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.llava.Image;
import org.llava.PixelFormat;

/** From {@link BufferedImage} to {@link Image} and back. */
public final class BufferedImages {
  private BufferedImages() {}

  /**
   * A copy of a picture. The usual types (int RGB and ARGB, three and four bytes BGR, gray) are read where they lie; others are
   * drawn into one of them first. Opacity is handed on as it is.
   */
  public static Image toImage(BufferedImage picture) {
    int width = picture.getWidth();
    int height = picture.getHeight();
    if (isWhole(picture)) {
      switch (picture.getType()) {
        case BufferedImage.TYPE_INT_RGB:
          return opaque(ints(picture), width, height);
        case BufferedImage.TYPE_INT_ARGB:
          return Image.ofPixels(ints(picture), width, height, 0, PixelFormat.ARGB32);
        case BufferedImage.TYPE_3BYTE_BGR:
          return Image.ofPixels(bytes(picture), width, height, 0, PixelFormat.BGR24);
        case BufferedImage.TYPE_BYTE_GRAY:
          return Image.ofPixels(bytes(picture), width, height, 0, PixelFormat.GRAY8);
        default:
      }
    }
    boolean seeThrough = picture.getColorModel().hasAlpha();
    BufferedImage copy = new BufferedImage(
        width, height, seeThrough ? BufferedImage.TYPE_INT_ARGB : BufferedImage.TYPE_INT_RGB);
    Graphics2D pen = copy.createGraphics();
    pen.drawImage(picture, 0, 0, null);
    pen.dispose();
    return toImage(copy);
  }

  /** A picture of the library as one that Swing can draw. */
  public static BufferedImage of(Image image) {
    BufferedImage picture = new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_3BYTE_BGR);
    byte[] pixels = image.pixels(PixelFormat.BGR24);
    System.arraycopy(pixels, 0, ((DataBufferByte) picture.getRaster().getDataBuffer()).getData(), 0, pixels.length);
    return picture;
  }

  /** Whether the pixels are the whole buffer, no window of another picture. */
  private static boolean isWhole(BufferedImage picture) {
    long elements = (long) picture.getWidth() * picture.getHeight() * picture.getRaster().getNumDataElements();
    return picture.getRaster().getParent() == null && picture.getRaster().getDataBuffer().getSize() == elements
        && picture.getRaster().getDataBuffer().getOffset() == 0;
  }

  private static byte[] bytes(BufferedImage picture) {
    return ((DataBufferByte) picture.getRaster().getDataBuffer()).getData();
  }

  /** Whole numbers 0xAARRGGBB as bytes alpha, red, green, blue. */
  private static ByteBuffer ints(BufferedImage picture) {
    int[] pixels = ((DataBufferInt) picture.getRaster().getDataBuffer()).getData();
    ByteBuffer bytes = ByteBuffer.allocateDirect(Math.multiplyExact(4, pixels.length)).order(ByteOrder.BIG_ENDIAN);
    bytes.asIntBuffer().put(pixels);
    return bytes;
  }

  /** The same without a meaning of the first byte: it is moved behind the three. */
  private static Image opaque(ByteBuffer bytes, int width, int height) {
    for (int i = 0; i < bytes.capacity(); i += 4) bytes.putInt(i, bytes.getInt(i) << 8);
    return Image.ofPixels(bytes, width, height, 0, PixelFormat.RGBX32);
  }
}
