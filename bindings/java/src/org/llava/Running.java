package org.llava;

import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;

/** A training run in a thread of its own: the future of {@link Trainer#start}. Who ends it before the run does stops the run. */
final class Running extends CompletableFuture<Map<String, Object>> {
  private final Trainer trainer;
  private boolean over;

  private Running(Trainer trainer) {
    this.trainer = trainer;
  }

  static Running begin(Trainer trainer, Supplier<Map<String, Object>> run) {
    Running running = new Running(trainer);
    running.whenComplete((report, error) -> running.stop()); // cancel(), orTimeout(), complete()
    Answering.inThread(() -> running.work(run));
    return running;
  }

  private void work(Supplier<Map<String, Object>> run) {
    Map<String, Object> report = null;
    Throwable failure = null;
    try {
      report = run.get();
    } catch (RuntimeException | Error error) {
      failure = error;
    }
    synchronized (this) {
      over = true;
    }
    if (failure != null) completeExceptionally(failure);
    else complete(report);
  }

  private synchronized void stop() {
    if (over) return;
    try {
      trainer.requestStop();
    } catch (IllegalStateException closed) {
      return; // close() has asked
    }
  }

  /** What depends on this run is an ordinary future. */
  @Override
  public <U> CompletableFuture<U> newIncompleteFuture() {
    return new CompletableFuture<>();
  }
}
