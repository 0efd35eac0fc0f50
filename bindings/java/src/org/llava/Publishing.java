package org.llava;

import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/** An answer as a publisher: {@link Session#publish}. Each subscriber has an answer of its own, made when it asks for events. */
final class Publishing implements Flow.Publisher<Event> {
  private final Supplier<Stream> begin;

  Publishing(Supplier<Stream> begin) {
    this.begin = begin;
  }

  @Override
  public void subscribe(Flow.Subscriber<? super Event> subscriber) {
    Objects.requireNonNull(subscriber, "subscriber");
    Stream stream = null;
    RuntimeException failure = null;
    try {
      stream = begin.get();
    } catch (RuntimeException error) {
      failure = error;
    }
    Pulling pulling = new Pulling(stream, subscriber);
    subscriber.onSubscribe(pulling);
    if (failure != null) pulling.end(failure);
  }

  /** Pulls what is asked for, on one thread at a time; not further, for every event is work. */
  private static final class Pulling implements Flow.Subscription, Runnable {
    private final Stream stream;
    private final Flow.Subscriber<? super Event> subscriber;
    private final AtomicLong asked = new AtomicLong();
    private final AtomicBoolean over = new AtomicBoolean();
    private volatile IllegalArgumentException wrong; // told by the thread that tells everything else

    Pulling(Stream stream, Flow.Subscriber<? super Event> subscriber) {
      this.stream = stream;
      this.subscriber = subscriber;
    }

    @Override
    public void request(long count) {
      if (stream == null || over.get()) return;
      if (count < 1) wrong = new IllegalArgumentException(count + " events were asked for, expected at least 1");
      if (asked.getAndAccumulate(Math.max(count, 1), (before, more) -> before + more < 0 ? Long.MAX_VALUE : before + more) == 0)
        Answering.inThread(this);
    }

    @Override
    public void cancel() {
      over.set(true);
      if (stream != null) Answering.inThread(stream::close); // it waits for the piece of work under way
    }

    @Override
    public void run() {
      try {
        do {
          Event event = over.get() || wrong != null ? null : stream.pull();
          if (over.get()) return;
          if (event == null) end(wrong);
          else subscriber.onNext(event);
        } while (!over.get() && asked.decrementAndGet() > 0);
      } catch (RuntimeException | Error error) {
        end(error);
      }
    }

    /** Tells the end, once; null is the answer's own. */
    void end(Throwable failure) {
      if (over.getAndSet(true)) return;
      if (stream != null) stream.close();
      if (failure == null) subscriber.onComplete();
      else subscriber.onError(failure);
    }
  }
}
