package org.llava;

/**
 * What is known about a picture.
 *
 * @param source  "pixels", "jpeg", "png", "bmp", "gif" or "webp"
 * @param width  pixels, after turning
 * @param height  pixels, after turning
 * @param orientation  EXIF orientation as stored, 1 ... 8; 1 when there is none
 * @param sha256  of size and decoded pixels; "" from {@link Image#probe}
 */
public record ImageInfo(String source, int width, int height, int orientation, String sha256) {
  private static final String[] SOURCES = {"pixels", "jpeg", "png", "bmp", "gif", "webp"};

  static ImageInfo of(llava_image_desc desc) {
    int source = desc.getSource();
    String name = source >= 0 && source < SOURCES.length ? SOURCES[source] : "source " + source;
    return new ImageInfo(name, desc.getWidth(), desc.getHeight(), desc.getOrientation(), desc.getSha256());
  }
}
