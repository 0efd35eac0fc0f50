package org.llava;

/**
 * One thing that happened in a {@link Stream}.
 *
 * @param type  what happened
 * @param text  whole characters only; "" for events without text
 * @param token  its id; -1 for events without one
 * @param logprob  how likely the token was, natural logarithm; NaN unless the option logprobs is 0 or more
 * @param progress  of encoding or reading the prompt, 0 to 1
 * @param index  which picture, or which token of the answer, counted from 0; -1 for other events
 */
public record Event(Type type, String text, int token, double logprob, double progress, long index) {
  /** Kinds of events, in the order in which they come. */
  public enum Type {
    IMAGE_ENCODED,
    PREFILL,
    TEXT,
    TOKEN,
    DONE
  }

  private static final Type[] TYPES = Type.values();

  /** Reads an event of the library and frees it. */
  static Event take(long handle) {
    try {
      return new Event(TYPES[Native.llava_event_type(handle)], Native.llava_event_text(handle),
          Native.llava_event_token(handle), Native.llava_event_logprob(handle), Native.llava_event_progress(handle),
          Native.llava_event_index(handle));
    } finally {
      Native.llava_event_free(handle);
    }
  }

  /** The text. */
  @Override
  public String toString() {
    return text;
  }
}
