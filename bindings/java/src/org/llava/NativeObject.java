package org.llava;

import java.lang.ref.Cleaner;

/**
 * What holds an object of the library: freed by {@link #close()}, or, where that was forgotten, some time after the last
 * reference is gone, with a line in the log {@code org.llava}. Objects may be closed in any order, twice, and from any thread.
 */
public abstract class NativeObject implements AutoCloseable {
  /** Gives a handle back to the library. */
  interface Release {
    void free(long handle);
  }

  private static final Cleaner CLEANER = Cleaner.create();

  /** The handle and the calls that use it; it never refers to the object around it. */
  private static final class Held implements Runnable {
    private final String name;
    private final Release release;
    private final long handle;
    private int calls = 0;
    private boolean closed = false;

    Held(String name, Release release, long handle) {
      this.name = name;
      this.release = release;
      this.handle = handle;
    }

    synchronized long enter() {
      if (closed) throw new IllegalStateException(name + " is closed, expected an open one");
      calls++;
      return handle;
    }

    synchronized void leave() {
      if (--calls == 0 && closed) notifyAll();
    }

    /** From here on nobody enters; false the second time. */
    synchronized boolean begin() {
      boolean first = !closed;
      closed = true;
      return first;
    }

    /** Waits for the calls of other threads, then frees. */
    void finish() {
      boolean interrupted = false;
      synchronized (this) {
        while (calls > 0) {
          try {
            wait();
          } catch (InterruptedException error) {
            interrupted = true;
          }
        }
      }
      release.free(handle);
      if (interrupted) Thread.currentThread().interrupt();
    }

    /** The cleaner found it unreachable. */
    @Override
    public void run() {
      if (!begin()) return;
      release.free(handle);
      System.getLogger("org.llava").log(System.Logger.Level.DEBUG, "a {0} was never closed; it is freed now", name);
    }
  }

  private final Held held;
  private final Cleaner.Cleanable net;

  NativeObject(long handle, Release release) {
    held = new Held(getClass().getSimpleName(), release, handle);
    net = CLEANER.register(this, held);
  }

  /** The handle, for one call that ends with {@link #leave()}. */
  final long enter() {
    return held.enter();
  }

  final void leave() {
    held.leave();
  }

  /** Tells a call under way to end soon; by default close() waits for it. */
  void hurry(long handle) {}

  /**
   * Frees the object now. It waits for calls of other threads that use it; those of a {@link Stream} are cancelled. The second
   * time it does nothing.
   */
  @Override
  public void close() {
    if (!held.begin()) return;
    try {
      hurry(held.handle);
    } catch (LlavaException.State shut) { // the library was shut down: nothing is under way
    }
    held.finish();
    net.clean();
  }

  /** Whether {@link #close()} was called. */
  public final boolean isClosed() {
    synchronized (held) {
      return held.closed;
    }
  }

  @Override
  public String toString() {
    return "llava." + getClass().getSimpleName() + (isClosed() ? " (closed)" : "");
  }
}
