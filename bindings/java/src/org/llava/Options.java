package org.llava;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Options of a call, set one after the other: {@code new ChatOptions().temperature(0).maxTokens(20)}. What is not set keeps the
 * library's default. A call reads them when it begins; they may be changed and used again. Values out of range are
 * {@link LlavaException.InvalidArgument} of the call.
 *
 * @param <T>  the class itself
 */
public abstract class Options<T extends Options<T>> {
  private final Map<String, Object> values = new LinkedHashMap<>();
  private CancelToken cancel;

  Options() {}

  /**
   * Sets any field of the C struct by its name there, such as {@code set("top_k", 40)}.
   *
   * @param field  its name
   * @param value  a number, text, path, boolean, list or array; choices by their names in small letters ("bf16"); null takes
   *     the setting back
   */
  @SuppressWarnings("unchecked")
  public final T set(String field, Object value) {
    if (value == null) values.remove(field);
    else values.put(field, value instanceof Path ? value.toString() : value);
    return (T) this;
  }

  /** What stops the call from another thread; null for none. */
  @SuppressWarnings("unchecked")
  T cancelToken(CancelToken token) {
    cancel = token;
    return (T) this;
  }

  final CancelToken cancelToken() {
    return cancel;
  }

  final Object value(String field) {
    return values.get(field);
  }

  final String json() {
    return Json.write(values);
  }

  @Override
  public String toString() {
    return getClass().getSimpleName() + json();
  }
}
