package org.llava;

/** How a dialogue behaves. */
public final class SessionOptions extends Options<SessionOptions> {
  /** Defaults. */
  public SessionOptions() {}

  /** System prompt instead of the template's own; "" for none. */
  public SessionOptions system(String system) {
    return set("system", system);
  }

  /** See {@link Llava#templateNames()}; "none": parts as they are. */
  public SessionOptions template(String template) {
    return set("template_name", template);
  }

  /** Positions; default 0: the model's. */
  public SessionOptions maxContext(long maxContext) {
    return set("max_context", maxContext);
  }

  /** Name of an adapter in memory ({@link Model#loadAdapter}); "" for none. Default: the session's, else the attached one. */
  public SessionOptions adapter(String adapter) {
    return set("adapter", adapter);
  }

  /** What that adapter's products are multiplied with; default 1. */
  public SessionOptions adapterScale(double adapterScale) {
    return set("adapter_scale", adapterScale);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_session_options> fill(SessionOptions options, Use use) {
    Filled<llava_session_options> filled = new Filled<>(new llava_session_options(), options == null ? "{}" : options.json());
    return filled;
  }
}
