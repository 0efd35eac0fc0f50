package org.llava;

import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** The events of a run that goes on in another thread. */
final class TrainEvents implements Iterator<TrainEvent> {
  private static final Duration WAIT = Duration.ofMillis(50);
  private final Trainer trainer;
  private final CompletableFuture<?> running;
  private TrainEvent ahead;

  TrainEvents(Trainer trainer, CompletableFuture<?> running) {
    this.trainer = trainer;
    this.running = running;
  }

  @Override
  public boolean hasNext() {
    while (ahead == null) {
      boolean done = running.isDone(); // asked first: what comes before the end is seen
      Optional<TrainEvent> event = trainer.nextEvent(done ? Duration.ZERO : WAIT);
      if (event.isPresent()) ahead = event.get();
      else if (done) return ended();
    }
    return true;
  }

  private boolean ended() {
    try {
      running.join();
      return false;
    } catch (CompletionException error) {
      if (error.getCause() instanceof RuntimeException cause) throw cause;
      throw error;
    }
  }

  @Override
  public TrainEvent next() {
    if (!hasNext()) throw new NoSuchElementException("the run has ended");
    TrainEvent event = ahead;
    ahead = null;
    return event;
  }
}
