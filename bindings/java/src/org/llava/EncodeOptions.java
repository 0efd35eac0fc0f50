package org.llava;

/** How a picture is encoded. */
public final class EncodeOptions extends Options<EncodeOptions> {
  /** Defaults. */
  public EncodeOptions() {}

  /** Whether encoding ends before the projector: features of the vision tower. */
  public EncodeOptions features(boolean features) {
    return set("output", features ? "features" : "projected");
  }

  /** Hidden state of the tower: 0 before block 1, -1 last; default: as the checkpoint says. */
  public EncodeOptions layer(int layer) {
    return set("layer", layer);
  }

  /** Whether the row of the class token stays; default: as the checkpoint says. */
  public EncodeOptions classToken(boolean classToken) {
    return set("class_token", classToken ? 1 : 0);
  }

  /** Name of an adapter in memory ({@link Model#loadAdapter}); "" for none. Default: the session's, else the attached one. */
  public EncodeOptions adapter(String adapter) {
    return set("adapter", adapter);
  }

  /** What that adapter's products are multiplied with; default 1. */
  public EncodeOptions adapterScale(double adapterScale) {
    return set("adapter_scale", adapterScale);
  }

  /** What stops the call from another thread; null for none. */
  public EncodeOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_encode_options> fill(EncodeOptions options, Use use) {
    Filled<llava_encode_options> filled = new Filled<>(new llava_encode_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    return filled;
  }
}
