package org.llava;

import java.nio.file.Path;
import java.util.function.Consumer;
/** How a model is loaded. */
public final class LoadOptions extends Options<LoadOptions> {
  private Consumer<LoadProgress> progress;

  /** Defaults. */
  public LoadOptions() {}

  /** "cpu", "cuda:0", ...; default: the first card, else the CPU. */
  public LoadOptions device(String device) {
    return set("device", device);
  }

  /** Of the weights: "f32", "f16", "bf16"; default "auto": as stored. */
  public LoadOptions dtype(String dtype) {
    return set("dtype", dtype);
  }

  /** Conversation template, see {@link Llava#templateNames()}; default: as the checkpoint says. */
  public LoadOptions template(String template) {
    return set("template_name", template);
  }

  /** Positions a session may hold; default 0: as the checkpoint says. */
  public LoadOptions maxContext(long maxContext) {
    return set("max_context", maxContext);
  }

  /** Whether every weight is looked at for NaN and infinity, and the files' checksums are checked. */
  public LoadOptions verify(boolean verify) {
    return set("verify", verify);
  }

  /** Folder of a CLIP tower, used instead of any other. */
  public LoadOptions visionTower(Path visionTower) {
    return set("vision_tower", visionTower);
  }

  /** File with a projector, used instead of the checkpoint's. */
  public LoadOptions projector(Path projector) {
    return set("projector", projector);
  }

  /** Folder of a LoRA, attached under its folder's name. */
  public LoadOptions adapter(Path adapter) {
    return set("adapter", adapter);
  }

  /** What that adapter's products are multiplied with; default 1. */
  public LoadOptions adapterScale(double adapterScale) {
    return set("adapter_scale", adapterScale);
  }

  /** Whose rule cuts pictures into tiles (LLaVA-NeXT): "auto", "original", "hf". */
  public LoadOptions tileRule(String tileRule) {
    return set("tile_rule", tileRule);
  }

  /** Whether torch's files (.bin, .pt) are read too, by a reader that runs nothing of them; default true. */
  public LoadOptions allowPickle(boolean allowPickle) {
    return set("allow_pickle", allowPickle);
  }

  /**
   * Whether weights are read into memory of the process, as much as their files are large, so that what becomes of the files
   * later does not matter; default false: they are mapped.
   */
  public LoadOptions noMmap(boolean noMmap) {
    return set("no_mmap", noMmap);
  }

  /** Hears how loading goes on, on the thread that calls; what it throws ends the call. Null for nobody. */
  public LoadOptions progress(Consumer<LoadProgress> progress) {
    this.progress = progress;
    return this;
  }

  /** What stops the call from another thread; null for none. */
  public LoadOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_load_options> fill(LoadOptions options, Use use) {
    Filled<llava_load_options> filled = new Filled<>(new llava_load_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    if (options != null) filled.hear(Hearing.progress(options.progress));
    return filled;
  }
}
