package org.llava;

import java.nio.file.Path;
import java.util.function.Consumer;
/** How a checkpoint is written. */
public final class SaveOptions extends Options<SaveOptions> {
  private Consumer<LoadProgress> progress;

  /** Defaults. */
  public SaveOptions() {}

  /** "keep" (default), "hf" or "original". */
  public SaveOptions layout(String layout) {
    return set("layout", layout);
  }

  /** Of all numbers; default "auto": as stored, byte for byte. */
  public SaveOptions dtype(String dtype) {
    return set("dtype", dtype);
  }

  /** Whether a model folder of that name gives way; default: it is an error. */
  public SaveOptions overwrite(boolean overwrite) {
    return set("overwrite", overwrite);
  }

  /** Most bytes of tensors in one file; default 5 000 000 000. */
  public SaveOptions shardBytes(long shardBytes) {
    return set("shard_bytes", shardBytes);
  }

  /** {@link Llava#convert}: folder of the vision tower. */
  public SaveOptions visionTower(Path visionTower) {
    return set("vision_tower", visionTower);
  }

  /** {@link Llava#convert}: file of the projector. */
  public SaveOptions projector(Path projector) {
    return set("projector", projector);
  }

  /** Hears how writing goes on, on the thread that calls; what it throws ends the call. Null for nobody. */
  public SaveOptions progress(Consumer<LoadProgress> progress) {
    this.progress = progress;
    return this;
  }

  /** What stops the call from another thread; null for none. */
  public SaveOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_save_options> fill(SaveOptions options, Use use) {
    Filled<llava_save_options> filled = new Filled<>(new llava_save_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    if (options != null) filled.hear(Hearing.progress(options.progress));
    return filled;
  }
}
