package org.llava;

import java.util.List;
import java.util.Locale;

/** A finished answer; a plain value. */
public final class Response {
  /** Why an answer ended. */
  public enum FinishReason {
    /** The model ended it, or a stop id came. */
    STOP,
    /** A stop string came. */
    STOP_STRING,
    /** The longest answer was reached. */
    LENGTH,
    /** The context is full. */
    CONTEXT,
    /** Stopped and kept. */
    CANCELLED,
    /** The deadline passed, and it was kept. */
    TIMEOUT;

    /** Its name in JSON. */
    public String jsonName() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final String text;
  private final FinishReason finishReason;
  private final int[] tokens;
  private final long seed;
  private final Usage usage;
  private final String json;
  private final String logprobs;

  private Response(long handle) {
    text = Native.llava_response_text_n(handle, 0);
    finishReason = FinishReason.values()[Native.llava_response_finish_reason(handle, 0)];
    tokens = Ids.read((ids, count) -> Native.llava_response_tokens(handle, 0, ids, count));
    seed = Native.llava_response_seed(handle);
    byte[][] out = new byte[1][];
    Native.llava_response_to_json(handle, out);
    json = Text.string(out[0]);
    Native.llava_response_logprobs_json(handle, 0, out);
    logprobs = Text.string(out[0]);
    llava_usage numbers = new llava_usage();
    try {
      Native.llava_response_usage(handle, numbers);
      usage = Usage.of(numbers);
    } finally {
      numbers.delete();
    }
  }

  /** Reads an answer of the library and frees it. */
  static Response take(long handle) {
    try {
      return new Response(handle);
    } finally {
      Native.llava_response_free(handle);
    }
  }

  /** The words. */
  public String text() {
    return text;
  }

  /** Why it ended. */
  public FinishReason finishReason() {
    return finishReason;
  }

  /** Token ids as drawn, a final stop token included. */
  public int[] tokens() {
    return tokens.clone();
  }

  /** Likelihoods token by token, as maps with id, token, logprob and top; empty unless they were asked for. */
  public List<?> logprobs() {
    return (List<?>) Json.parse(logprobs);
  }

  /** Gives this answer again. */
  public long seed() {
    return seed;
  }

  /** Tokens and times. */
  public Usage usage() {
    return usage;
  }

  /** The whole in OpenAI's shape. */
  public String toJson() {
    return json;
  }

  /** The words. */
  @Override
  public String toString() {
    return text;
  }
}
