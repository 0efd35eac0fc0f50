package org.llava;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON as Java's own values: {@link Map}, {@link List}, {@link String}, {@link Long}, {@link Double}, {@link Boolean}, null. It
 * reads what the library writes and writes what the library reads.
 */
public final class Json {
  private static final int DEPTH = 200;
  private final String text;
  private int at = 0;
  private int depth = 0;

  private Json(String text) {
    this.text = text;
  }

  /**
   * Reads a text.
   *
   * @param text  one JSON value
   * @return the value
   * @throws LlavaException.Format for what is no JSON, with the place
   */
  public static Object parse(String text) {
    Json reader = new Json(text);
    Object value = reader.value();
    reader.space();
    if (reader.at != text.length()) throw reader.wrong("the end");
    return value;
  }

  /** Reads an object. */
  @SuppressWarnings("unchecked")
  static Map<String, Object> object(String text) {
    Object value = parse(text);
    if (value instanceof Map) return (Map<String, Object>) value;
    throw new LlavaException.Format("JSON is no object, expected one");
  }

  /**
   * Writes a value.
   *
   * @param value  of the types that {@link #parse} gives; other numbers, arrays of int, long, float and double, and enums
   *     (as their names) too
   * @return JSON
   * @throws LlavaException.InvalidArgument for a number that is not finite, or another type
   */
  public static String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(out, value);
    return out.toString();
  }

  private static void write(StringBuilder out, Object value) {
    if (value == null || value instanceof Boolean) out.append(value);
    else if (value instanceof Number) number(out, (Number) value);
    else if (value instanceof CharSequence || value instanceof Enum) quote(out, value.toString());
    else if (value instanceof Map) members(out, (Map<?, ?>) value);
    else if (value instanceof Iterable) items(out, (Iterable<?>) value);
    else if (value.getClass().isArray()) items(out, boxed(value));
    else throw new LlavaException.InvalidArgument("a " + value.getClass().getName() + " has no JSON form");
  }

  private static void number(StringBuilder out, Number value) {
    boolean broken = (value instanceof Double || value instanceof Float) && !Double.isFinite(value.doubleValue());
    if (broken) throw new LlavaException.InvalidArgument("a number is " + value + ", expected a finite one");
    out.append(value);
  }

  private static List<Object> boxed(Object array) {
    List<Object> items = new ArrayList<>();
    for (int i = 0; i < java.lang.reflect.Array.getLength(array); i++) items.add(java.lang.reflect.Array.get(array, i));
    return items;
  }

  private static void items(StringBuilder out, Iterable<?> items) {
    String before = "[";
    for (Object item : items) {
      out.append(before);
      write(out, item);
      before = ",";
    }
    out.append(before.equals("[") ? "[]" : "]");
  }

  private static void members(StringBuilder out, Map<?, ?> members) {
    String before = "{";
    for (Map.Entry<?, ?> member : members.entrySet()) {
      out.append(before);
      quote(out, String.valueOf(member.getKey()));
      out.append(':');
      write(out, member.getValue());
      before = ",";
    }
    out.append(before.equals("{") ? "{}" : "}");
  }

  private static void quote(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char here = text.charAt(i);
      if (here == '"' || here == '\\') out.append('\\').append(here);
      else if (here < 0x20) out.append(String.format("\\u%04x", (int) here));
      else out.append(here);
    }
    out.append('"');
  }

  private LlavaException wrong(String expected) {
    String found = at < text.length() ? "'" + text.charAt(at) + "'" : "the end";
    return new LlavaException.Format("JSON has " + found + " at " + at + ", expected " + expected);
  }

  private void space() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) at++;
  }

  private boolean next(char wanted) {
    space();
    if (at >= text.length() || text.charAt(at) != wanted) return false;
    at++;
    return true;
  }

  private void expect(char wanted) {
    if (!next(wanted)) throw wrong("'" + wanted + "'");
  }

  private Object value() {
    space();
    if (at >= text.length()) throw wrong("a value");
    if (++depth > DEPTH) throw wrong("at most " + DEPTH + " levels");
    Object value;
    switch (text.charAt(at)) {
      case '{': value = members(); break;
      case '[': value = items(); break;
      case '"': value = string(); break;
      case 't': value = word("true", true); break;
      case 'f': value = word("false", false); break;
      case 'n': value = word("null", null); break;
      default: value = number();
    }
    depth--;
    return value;
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) throw wrong("a value");
    at += word.length();
    return value;
  }

  private Map<String, Object> members() {
    Map<String, Object> members = new LinkedHashMap<>();
    expect('{');
    if (next('}')) return members;
    do {
      space();
      String name = string();
      expect(':');
      members.put(name, value());
    } while (next(','));
    expect('}');
    return members;
  }

  private List<Object> items() {
    List<Object> items = new ArrayList<>();
    expect('[');
    if (next(']')) return items;
    do items.add(value());
    while (next(','));
    expect(']');
    return items;
  }

  private Object number() {
    int begin = at;
    while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
    String digits = text.substring(begin, at);
    try {
      boolean whole = digits.indexOf('.') < 0 && digits.indexOf('e') < 0 && digits.indexOf('E') < 0;
      if (whole) return Long.valueOf(digits);
      return Double.valueOf(digits);
    } catch (NumberFormatException error) {
      at = begin;
      throw wrong("a value");
    }
  }

  private String string() {
    if (at >= text.length() || text.charAt(at) != '"') throw wrong("'\"'");
    StringBuilder out = new StringBuilder();
    for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
      char here = text.charAt(at);
      out.append(here == '\\' ? escaped() : here);
    }
    if (at >= text.length()) throw wrong("'\"'");
    at++;
    return out.toString();
  }

  private char escaped() {
    if (++at >= text.length()) throw wrong("an escape");
    char kind = text.charAt(at);
    int place = "\"\\/bfnrt".indexOf(kind);
    if (place >= 0) return "\"\\/\b\f\n\r\t".charAt(place);
    if (kind != 'u' || at + 4 >= text.length()) throw wrong("an escape");
    try {
      char unit = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
      at += 4;
      return unit;
    } catch (NumberFormatException error) {
      throw wrong("four hexadecimal digits");
    }
  }
}
