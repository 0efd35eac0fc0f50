package org.llava;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;

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
 * <p>{@link #close()} lets a run finish its step, save and return, and saves what {@link #run} has made alone: leaving the block
 * before the end, by {@code break} or by an exception of the program's own, loses no step. The same options go on from there.
 */
public final class Trainer extends NativeObject {
  private final boolean alone;
  private final long opened; // the step it went on from
  private volatile boolean failed = false;

  /**
   * Opens a run: settings, data, model and folder are checked, and a snapshot is read where the run goes on.
   *
   * @param model  folder of the checkpoint to start from
   */
  public Trainer(Path model, TrainOptions options) {
    super(create(model, options), Native::llava_trainer_free);
    alone = options.isAlone();
    opened = metrics().step();
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
    return plan(model, options, null);
  }

  /** The same; `heard` is told how far it is ("progress"), as in {@link #launch(Path, TrainOptions, Predicate)}. */
  public static Map<String, Object> plan(Path model, TrainOptions options, Predicate<TrainEvent> heard) {
    return reported(options, heard, (struct, out) -> Native.llava_train_plan(model.toString(), struct, out));
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
    return launch(model, options, null);
  }

  /**
   * The same, with live events. {@link TrainOptions#cancel} lets the processes finish their step and save, {@link
   * TrainOptions#abandon} ends them at once.
   *
   * @param heard  gets each event, on the thread that calls, and answers whether to go on; what it throws ends the run and
   *     leaves this call; null for nobody
   */
  public static Map<String, Object> launch(Path model, TrainOptions options, Predicate<TrainEvent> heard) {
    return reported(options, heard, (struct, out) -> Native.llava_train_launch(model.toString(), struct, out));
  }

  /** A call that makes a report. */
  interface Call {
    void make(llava_train_options struct, long[] out);
  }

  /** Makes it. */
  static Map<String, Object> reported(TrainOptions options, Predicate<TrainEvent> heard, Call call) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_train_options> filled = TrainOptions.fill(options, use)) {
      filled.hear(Hearing.events(heard));
      filled.during(() -> call.make(filled.struct, out));
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
      return run(use.of(this), steps);
    }
  }

  private boolean run(long handle, long steps) {
    failed = true;
    boolean through = Native.llava_trainer_run(handle, steps) == NativeConstants.LLAVA_END;
    failed = false;
    return through;
  }

  /**
   * Trains to the end, or until {@link #requestStop()} or {@link #close()}, on a thread of its own.
   *
   * @return the report, also of a run that was stopped: its "step" is below "steps" then; a failure completes it with a {@link
   *     LlavaException}. Cancelling it, and whatever else ends it before the run ends, asks the run to stop
   */
  public CompletableFuture<Map<String, Object>> start() {
    Use use = new Use();
    long handle = use.of(this); // close() waits for the report
    return Running.begin(this, () -> {
      try (use) {
        run(handle, Long.MAX_VALUE);
        return report(handle, new long[1]);
      }
    });
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
    try (Use use = new Use()) {
      return report(use.of(this), new long[1]);
    }
  }

  private static Map<String, Object> report(long handle, long[] out) {
    Native.llava_trainer_report(handle, out);
    return report(out[0]);
  }

  /**
   * Frees the run. One that another thread is in finishes its step and saves first; else steps that no snapshot has are saved
   * here, unless the run has failed. What keeps them from being saved is thrown when everything is freed.
   */
  @Override
  public void close() {
    try (Use use = new Use()) {
      if (alone && !failed && !isClosed()) saveSteps(use.of(this));
    } catch (IllegalStateException closed) { // another thread was first
    } finally {
      super.close();
    }
  }

  private void saveSteps(long handle) {
    try {
      TrainMetrics metrics = metrics();
      if (!metrics.finished() && metrics.step() > opened) Native.llava_trainer_save(handle);
    } catch (LlavaException.Busy inUse) { // who is in it saves
    } catch (LlavaException.State shut) { // the library was shut down
    }
  }

  @Override
  void hurry(long handle) {
    Native.llava_trainer_request_stop(handle);
  }
}
