package org.llava;

import java.time.Duration;

/** Asks the operations it was given to to stop, from any thread. One token serves any number of them. */
public final class CancelToken extends NativeObject {
  /** A token that is neither used nor has a deadline. */
  public CancelToken() {
    super(create(), Native::llava_cancel_free);
  }

  private static long create() {
    long[] out = new long[1];
    Native.llava_cancel_create(out);
    return out[0];
  }

  /** Stops them: they throw {@link LlavaException.Cancelled}. Those that start later stop at once. */
  public void cancel() {
    try (Use use = new Use()) {
      Native.llava_cancel_cancel(use.of(this));
    }
  }

  /**
   * Makes the token new again.
   *
   * @throws LlavaException.Busy while an operation uses it
   */
  public void reset() {
    try (Use use = new Use()) {
      Native.llava_cancel_reset(use.of(this));
    }
  }

  /** Whether {@link #cancel()} was called; a passed deadline does not count. */
  public boolean isCancelled() {
    try (Use use = new Use()) {
      return Native.llava_cancel_is_cancelled(use.of(this)) != 0;
    }
  }

  /**
   * Lets the operations throw {@link LlavaException.Timeout} that long from now.
   *
   * @param timeout  null removes the deadline
   */
  public void deadline(Duration timeout) {
    try (Use use = new Use()) {
      Native.llava_cancel_set_deadline_ms(use.of(this), timeout == null ? -1 : Math.max(0, timeout.toMillis()));
    }
  }
}
