package org.llava;

import java.time.Duration;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.StreamSupport;

/**
 * An answer in the making: pull its events with {@code for}, {@link #pull()} or {@link #texts()}; then {@link #finish()} has the
 * whole. No thread is started: the work is done inside these calls, on the thread that calls, and nothing is pulled ahead.
 *
 * <p>The session is busy until the stream has ended or is closed; one that is closed early leaves the session as it was. A
 * thread that is interrupted while it pulls cancels the answer, and stays interrupted.
 */
public final class Stream extends NativeObject implements Iterable<Event>, Iterator<Event> {
  private static final long SLICE_MS = 50; // how long an interrupt may wait where a piece of work is shorter

  private final Queue<Event> ahead = new ConcurrentLinkedQueue<>(); // seen by hasNext(), not yet handed out
  private volatile boolean ended = false;
  private Response response;

  Stream(long handle) {
    super(handle, Native::llava_stream_free);
  }

  /** Works until the next event; null after the last one. */
  public Event pull() {
    Event seen = ahead.poll();
    if (seen != null) return seen;
    long[] event = new long[1];
    try (Use use = new Use()) {
      long handle = use.of(this);
      int status;
      do status = next(handle, SLICE_MS, event);
      while (status == NativeConstants.LLAVA_WOULD_BLOCK);
      return taken(status, event);
    }
  }

  /**
   * Works until the next event, or until the time is over.
   *
   * @param timeout  after which no further piece of work is begun; zero: exactly one piece
   * @return nothing when no event came in time, or after the last one: {@link #isEnded()} tells
   */
  public Optional<Event> poll(Duration timeout) {
    Event seen = ahead.poll();
    if (seen != null) return Optional.of(seen);
    long[] event = new long[1];
    try (Use use = new Use()) {
      int status = next(use.of(this), timeout.toMillis(), event);
      return status == NativeConstants.LLAVA_WOULD_BLOCK ? Optional.empty() : Optional.ofNullable(taken(status, event));
    }
  }

  private Event taken(int status, long[] event) {
    if (status == 0) return Event.take(event[0]);
    ended = true;
    return null;
  }

  /** llava_stream_next(); an interrupt of this thread cancels first. */
  private static int next(long handle, long timeoutMs, long[] event) {
    boolean interrupted = Thread.currentThread().isInterrupted();
    if (interrupted) Native.llava_stream_cancel(handle);
    try {
      return Native.llava_stream_next(handle, timeoutMs, event);
    } catch (LlavaException.Cancelled error) {
      if (interrupted) error.initCause(new InterruptedException());
      throw error;
    }
  }

  @Override
  public boolean hasNext() {
    if (!ahead.isEmpty()) return true;
    Event event = pull();
    if (event != null) ahead.add(event);
    return event != null;
  }

  @Override
  public Event next() {
    Event event = pull();
    if (event == null) throw new NoSuchElementException("the stream has ended");
    return event;
  }

  /** The events from here on; a stream can be read once. */
  @Override
  public Iterator<Event> iterator() {
    return this;
  }

  /** The pieces of text from here on, empty ones left out. */
  public Iterable<String> texts() {
    return () -> events().map(Event::text).filter(text -> !text.isEmpty()).iterator();
  }

  /** The events from here on, for {@code map}, {@code filter} and so on. */
  public java.util.stream.Stream<Event> events() {
    return StreamSupport.stream(
        Spliterators.spliteratorUnknownSize(this, Spliterator.ORDERED | Spliterator.NONNULL), false);
  }

  /** Whether the last event was pulled. */
  public boolean isEnded() {
    return ended;
  }

  /**
   * Asks the stream to end, from any thread: the next pull throws {@link LlavaException.Cancelled}, or, with {@link
   * ChatOptions#keepOnCancel}, ends the answer.
   */
  public void cancel() {
    try (Use use = new Use()) {
      Native.llava_stream_cancel(use.of(this));
    }
  }

  /** Works until the end, drops events that were not pulled, and hands out the answer; the second time the same. */
  public Response finish() {
    synchronized (this) {
      if (response != null) return response;
    }
    while (!ended) pull();
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_stream_finish(use.of(this), out);
    }
    Response made = Response.take(out[0]);
    synchronized (this) {
      response = made;
    }
    return made;
  }

  @Override
  void hurry(long handle) {
    Native.llava_stream_cancel(handle);
  }
}
