package org.llava;

import java.nio.file.Path;
import java.util.function.Consumer;
/** How a data file is looked at. */
public final class DatasetOptions extends Options<DatasetOptions> {
  private Consumer<LoadProgress> progress;

  /** Defaults. */
  public DatasetOptions() {}

  /** "spans" (default): the assistant's words; "upstream": the original's rules. */
  public DatasetOptions labels(String labels) {
    return set("labels", labels);
  }

  /** "first" (default), "as-written" or "random". */
  public DatasetOptions imagePlace(String imagePlace) {
    return set("image_place", imagePlace);
  }

  /** How closely pictures are looked at: "whole" (default), "header" or "skip". */
  public DatasetOptions pictures(String pictures) {
    return set("pictures", pictures);
  }

  /** Whether pictures may lie anywhere; default: below the folder of pictures alone. */
  public DatasetOptions allowOutside(boolean allowOutside) {
    return set("allow_outside", allowOutside);
  }

  /** That read records and decode pictures; default 2. */
  public DatasetOptions threads(int threads) {
    return set("threads", threads);
  }

  /** Positions of a sample; default 0: the model's context. */
  public DatasetOptions maxLength(long maxLength) {
    return set("max_length", maxLength);
  }

  /** Of "random" places; default 42. */
  public DatasetOptions seed(long seed) {
    return set("seed", seed);
  }

  /** Folder of the pictures; default: the data file's. */
  public DatasetOptions imageRoot(Path imageRoot) {
    return set("image_root", imageRoot);
  }

  /** Default: the model's. */
  public DatasetOptions template(String template) {
    return set("template_name", template);
  }

  /** Hears how reading goes on, on the thread that calls; what it throws ends the call. Null for nobody. */
  public DatasetOptions progress(Consumer<LoadProgress> progress) {
    this.progress = progress;
    return this;
  }

  /** What stops the call from another thread; null for none. */
  public DatasetOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_dataset_options> fill(DatasetOptions options, Use use) {
    Filled<llava_dataset_options> filled = new Filled<>(new llava_dataset_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    if (options != null) filled.hear(Hearing.progress(options.progress));
    return filled;
  }
}
