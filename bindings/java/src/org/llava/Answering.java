package org.llava;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Consumer;

/** An answer made elsewhere: the future of {@link Session#chatAsync}. */
final class Answering extends CompletableFuture<Response> {
  private final Stream stream;
  private final Consumer<Event> heard; // null for nobody

  private Answering(Stream stream, Consumer<Event> heard) {
    this.stream = stream;
    this.heard = heard;
  }

  static CompletableFuture<Response> begin(Stream stream, Consumer<Event> heard, Executor executor) {
    Answering answer = new Answering(stream, heard);
    answer.whenComplete((response, error) -> answer.leave());
    try {
      executor.execute(answer::work);
    } catch (RejectedExecutionException error) {
      stream.close();
      throw error;
    }
    return answer;
  }

  /** Threads that are used again, for each has helpers of its own in the library, and that keep no program alive. */
  private static final ExecutorService THREADS = Executors.newCachedThreadPool(work -> {
    Thread thread = new Thread(work, "llava-worker");
    thread.setDaemon(true);
    return thread;
  });

  static void inThread(Runnable work) {
    THREADS.execute(work);
  }

  private void work() {
    Response made = null;
    Throwable failure = null;
    try (stream) {
      if (heard != null && !isDone()) stream.forEach(heard);
      if (!isDone()) made = stream.finish();
    } catch (RuntimeException | Error error) {
      failure = error;
    }
    if (failure != null) completeExceptionally(failure);
    else complete(made); // the session is free again
  }

  /** Nobody waits any longer: orTimeout() has ended it, or complete(), or cancel(), or its own work. */
  private void leave() {
    try {
      if (!stream.isClosed()) stream.cancel();
    } catch (IllegalStateException closed) {
      return; // meanwhile
    }
  }

  /** The session is free when this returns. */
  @Override
  public boolean cancel(boolean mayInterrupt) {
    boolean first = super.cancel(mayInterrupt);
    if (first) stream.close();
    return first;
  }

  /** What depends on this answer is an ordinary future. */
  @Override
  public <U> CompletableFuture<U> newIncompleteFuture() {
    return new CompletableFuture<>();
  }
}
