package org.llava;

/** An option struct for one call, with what owns the texts and lists it points to. */
final class Filled<S extends OptionsStruct> implements AutoCloseable {
  /** What the call is given. */
  final S struct;

  private final long[] keep = new long[1];
  private Hearing hearing;

  Filled(S struct, String json) {
    this.struct = struct;
    try {
      struct.from_json(json, keep);
    } catch (RuntimeException error) {
      close();
      throw error;
    }
  }

  /** Puts a cancel token in, kept open by the call; nothing where there is none. */
  void cancel(Use use, CancelToken token, java.util.function.LongConsumer setter) {
    if (token == null) return;
    try {
      setter.accept(use.of(token));
    } catch (RuntimeException error) {
      close();
      throw error;
    }
  }

  /** Who hears what the call tells; null for nobody. */
  void hear(Hearing listener) {
    if (listener == null) return;
    ((HearingStruct) struct).hear(listener);
    hearing = listener;
  }

  /** Makes the call; what the user's code has thrown in it comes out of it. */
  void during(Runnable call) {
    try {
      call.run();
    } catch (LlavaException.Callback failure) {
      if (hearing != null) hearing.rethrow();
      throw failure;
    }
  }

  @Override
  public void close() {
    if (hearing != null) ((HearingStruct) struct).deaf();
    hearing = null;
    struct.delete();
    if (keep[0] != 0) Native.llava_buffer_free(keep[0]);
  }
}
