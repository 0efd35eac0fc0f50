package org.llava;

/** How an adapter is loaded. */
public final class AdapterOptions extends Options<AdapterOptions> {
  /** Defaults. */
  public AdapterOptions() {}

  /** What calls choose it by; default: the folder's name. */
  public AdapterOptions name(String name) {
    return set("name", name);
  }

  /** Whether its numbers are looked at for NaN and infinity, and the files' checksums are checked. */
  public AdapterOptions verify(boolean verify) {
    return set("verify", verify);
  }

  /** What stops the call from another thread; null for none. */
  public AdapterOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_adapter_options> fill(AdapterOptions options, Use use) {
    Filled<llava_adapter_options> filled = new Filled<>(new llava_adapter_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    return filled;
  }
}
