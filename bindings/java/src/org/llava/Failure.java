package org.llava;

import java.util.Map;

/** From a status to an exception; the generated code asks it after every call. */
final class Failure {
  private Failure() {}

  /** The status, where it is an answer; else the exception of the failure this thread has just met. */
  static int check(int status) {
    if (status == 0 || status == NativeConstants.LLAVA_END || status == NativeConstants.LLAVA_WOULD_BLOCK) return status;
    throw last(status);
  }

  private static LlavaException last(int status) {
    String message = Native.llava_last_error();
    long[] needed = new long[1];
    Native.llava_last_error_json(null, needed);
    byte[] json = new byte[(int) needed[0]];
    int copied = Native.llava_last_error_json(json, needed);
    return of(status, message, copied == 0 ? text(json) : "{}");
  }

  private static String text(byte[] json) {
    int end = json.length;
    while (end > 0 && json[end - 1] == 0) end--;
    return Text.string(java.util.Arrays.copyOf(json, end));
  }

  /** The exception of a status, with what llava_last_error_json() says of it. */
  @SuppressWarnings("unchecked")
  static LlavaException of(int status, String message, String json) {
    Map<String, Object> known = Json.object(json);
    Object details = known.getOrDefault("details", Map.of());
    String function = String.valueOf(known.getOrDefault("function", ""));
    return LlavaException.of(Status.of(status), message, function, (Map<String, Object>) details);
  }
}
