package org.llava;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A training run that is stepped by its caller, or in a thread of its own while its events are pulled:
 *
 * <pre>{@code
 * try (Trainer trainer = new Trainer(model, options)) {
 *   CompletableFuture<Map<String, Object>> report = trainer.start();
 *   for (TrainEvent event : trainer.events(report)) System.out.println(event);
 *   System.out.println(report.join());
 * }
 * }</pre>
 *
 * <p>{@link #close()} lets a run finish its step, save and return; the same options go on from there.
 */
public final class Trainer extends NativeObject {
  /**
   * Opens a run: settings, data, model and folder are checked, and a snapshot is read where the run goes on.
   *
   * @param model  folder of the checkpoint to start from
   */
  public Trainer(Path model, TrainOptions options) {
    super(create(model, options), Native::llava_trainer_free);
  }

  private static long create(Path model, TrainOptions options) {
    long[] out = new long[1];
    Objects.requireNonNull(options, "options");
    try (Use use = new Use();
        Filled<llava_train_options> filled = TrainOptions.fill(options, use)) {
      Native.llava_trainer_create(model.toString(), filled.struct, out);
    }
    return out[0];
  }

  /** What a run would do, before it does anything: settings, steps, records that cannot be used, memory. */
  public static Map<String, Object> plan(Path model, TrainOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_train_options> filled = TrainOptions.fill(options, use)) {
      Native.llava_train_plan(model.toString(), filled.struct, out);
    }
    return report(out[0]);
  }

  /**
   * Where the run in a folder stands, whoever works or worked on it: "state" is running, stopped, left, finished or
   * interrupted; the rest is the report as it was written.
   */
  public static Map<String, Object> status(Path outDir) {
    long[] out = new long[1];
    Native.llava_train_status(outDir.toString(), out);
    return report(out[0]);
  }

  /** Trains to the end with {@link TrainOptions#nproc} processes of this machine; the report. */
  public static Map<String, Object> launch(Path model, TrainOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_train_options> filled = TrainOptions.fill(options, use)) {
      Native.llava_train_launch(model.toString(), filled.struct, out);
    }
    return report(out[0]);
  }

  /** Reads a report of the library and frees it. */
  static Map<String, Object> report(long handle) {
    try {
      return Json.object(Native.llava_report_json(handle));
    } finally {
      Native.llava_report_free(handle);
    }
  }

  /**
   * Trains on this thread for at most so many steps.
   *
   * @return whether the run is through: its result is written then
   * @throws LlavaException.Busy while another thread runs it
   */
  public boolean run(long steps) {
    try (Use use = new Use()) {
      return Native.llava_trainer_run(use.of(this), steps) == NativeConstants.LLAVA_END;
    }
  }

  /**
   * Trains to the end, or until {@link #requestStop()}, on a thread of its own.
   *
   * @return the report; a failure completes it with a {@link LlavaException}
   */
  public CompletableFuture<Map<String, Object>> start() {
    CompletableFuture<Map<String, Object>> done = new CompletableFuture<>();
    Answering.inThread(() -> {
      try {
        run(Long.MAX_VALUE);
        done.complete(report());
      } catch (RuntimeException | Error error) {
        done.completeExceptionally(error);
      }
    });
    return done;
  }

  /** Asks a run that is under way to finish its step, save and return; without one, the next returns at once. */
  public void requestStop() {
    try (Use use = new Use()) {
      Native.llava_trainer_request_stop(use.of(this));
    }
  }

  /** Holds a run between two steps, or lets it go on. */
  public void pause(boolean on) {
    try (Use use = new Use()) {
      Native.llava_trainer_pause(use.of(this), on ? 1 : 0);
    }
  }

  /**
   * The next event, from any thread; the last 4096 are kept.
   *
   * @param timeout  how long to wait
   * @return nothing when none came in time, or when the run is through and all were pulled
   */
  public Optional<TrainEvent> nextEvent(Duration timeout) {
    byte[][] out = new byte[1][];
    try (Use use = new Use()) {
      int status = Native.llava_trainer_next_event(use.of(this), Math.max(0, timeout.toMillis()), out);
      return status == 0 ? Optional.of(TrainEvent.of(Text.string(out[0]))) : Optional.empty();
    }
  }

  /**
   * All events until `running` is done, as they come; what fails the run is thrown behind the last one.
   *
   * @param running  what {@link #start()} gave
   */
  public Iterable<TrainEvent> events(CompletableFuture<?> running) {
    return () -> new TrainEvents(this, running);
  }

  /** Where the run stands, from any thread. */
  public TrainMetrics metrics() {
    llava_train_metrics metrics = new llava_train_metrics();
    try (Use use = new Use()) {
      Native.llava_trainer_metrics(use.of(this), metrics);
      return TrainMetrics.of(metrics);
    } finally {
      metrics.delete();
    }
  }

  /** The mean loss over all learned tokens of {@link TrainOptions#evalData}. */
  public double evaluate() {
    double[] loss = new double[1];
    try (Use use = new Use()) {
      Native.llava_trainer_evaluate(use.of(this), loss);
    }
    return loss[0];
  }

  /** Saves a snapshot of this moment below the run's folder. */
  public void save() {
    try (Use use = new Use()) {
      Native.llava_trainer_save(use.of(this));
    }
  }

  /** What is known of the run so far. */
  public Map<String, Object> report() {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_trainer_report(use.of(this), out);
    }
    return report(out[0]);
  }

  @Override
  void hurry(long handle) {
    Native.llava_trainer_request_stop(handle);
  }
}
