package org.llava;

import java.util.function.Consumer;
import java.util.function.Predicate;

/** Hears what a long call tells, on the thread that makes it. What the user's code throws leaves that call unchanged. */
final class Hearing {
  private static final int FAILED = -1;
  private final Consumer<LoadProgress> progress;
  private final Predicate<TrainEvent> heard;
  private Throwable thrown;

  private Hearing(Consumer<LoadProgress> progress, Predicate<TrainEvent> heard) {
    this.progress = progress;
    this.heard = heard;
  }

  static Hearing progress(Consumer<LoadProgress> progress) {
    return progress == null ? null : new Hearing(progress, null);
  }

  static Hearing events(Predicate<TrainEvent> heard) {
    return heard == null ? null : new Hearing(null, heard);
  }

  /** llava_train_event_fn; java.i calls it. */
  int event(byte[] text) {
    try {
      return heard.test(TrainEvent.of(Text.string(text))) ? 0 : NativeConstants.LLAVA_TRAIN_STOP;
    } catch (RuntimeException | Error error) {
      thrown = error;
      return FAILED;
    }
  }

  /** llava_load_progress_fn; java.i calls it. */
  int progress(byte[] phase, long done, long total, byte[] item) {
    try {
      progress.accept(new LoadProgress(Text.string(phase), done, total, Text.string(item)));
      return 0;
    } catch (RuntimeException | Error error) {
      thrown = error;
      return FAILED;
    }
  }

  /** What a call that failed with CALLBACK is to throw. */
  void rethrow() {
    if (thrown instanceof RuntimeException error) throw error;
    if (thrown instanceof Error error) throw error;
  }
}
