package org.llava;

/** How pictures are decoded. */
public final class ImageOptions extends Options<ImageOptions> {
  /** Defaults. */
  public ImageOptions() {}

  /** Whether the picture is turned as its EXIF orientation says; default true. */
  public ImageOptions applyExif(boolean applyExif) {
    return set("apply_exif", applyExif);
  }

  /** More is {@link LlavaException.Limit}; default 67108864. */
  public ImageOptions maxPixels(long maxPixels) {
    return set("max_pixels", maxPixels);
  }

  /** Encoded size, likewise. */
  public ImageOptions maxBytes(long maxBytes) {
    return set("max_bytes", maxBytes);
  }

  /** What stops the call from another thread; null for none. */
  public ImageOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_image_options> fill(ImageOptions options, Use use) {
    Filled<llava_image_options> filled = new Filled<>(new llava_image_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    return filled;
  }
}
