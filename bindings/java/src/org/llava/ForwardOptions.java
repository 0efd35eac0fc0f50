package org.llava;

/** How the language model is run. */
public final class ForwardOptions extends Options<ForwardOptions> {
  /** Defaults. */
  public ForwardOptions() {}

  /** Hidden states after the final norm instead of logits. */
  public ForwardOptions hidden(boolean hidden) {
    return set("output", hidden ? "hidden" : "logits");
  }

  /** The last position only. */
  public ForwardOptions lastOnly(boolean lastOnly) {
    return set("last_only", lastOnly);
  }

  /** Name of an adapter in memory ({@link Model#loadAdapter}); "" for none. Default: the session's, else the attached one. */
  public ForwardOptions adapter(String adapter) {
    return set("adapter", adapter);
  }

  /** What that adapter's products are multiplied with; default 1. */
  public ForwardOptions adapterScale(double adapterScale) {
    return set("adapter_scale", adapterScale);
  }

  /** What stops the call from another thread; null for none. */
  public ForwardOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_forward_options> fill(ForwardOptions options, Use use) {
    Filled<llava_forward_options> filled = new Filled<>(new llava_forward_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    return filled;
  }
}
