package org.llava;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Texts as real UTF-8: what lies beyond U+FFFF survives, and what is no text is refused. */
final class Text {
  private Text() {}

  /** UTF-8 of a text; null of null. A surrogate without its partner is refused. */
  static byte[] utf8(String text) {
    if (text == null) return null;
    try {
      ByteBuffer encoded = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
      return Arrays.copyOf(encoded.array(), encoded.limit());
    } catch (CharacterCodingException error) {
      throw new LlavaException.InvalidArgument(
          "text has a surrogate without its partner at " + lone(text) + ", expected Unicode");
    }
  }

  /** The same, ended by NUL for C; a text that holds NUL itself is refused. */
  static byte[] utf8z(String text) {
    if (text == null) return null;
    int nul = text.indexOf('\0');
    if (nul >= 0) throw new LlavaException.InvalidArgument("text has NUL at " + nul + ", expected none");
    byte[] bytes = utf8(text);
    return Arrays.copyOf(bytes, bytes.length + 1);
  }

  static String string(byte[] utf8) {
    return utf8 == null ? null : new String(utf8, StandardCharsets.UTF_8);
  }

  private static int lone(String text) {
    for (int i = 0; i < text.length(); i++) {
      char here = text.charAt(i);
      if (!Character.isSurrogate(here)) continue;
      boolean pair =
          Character.isHighSurrogate(here) && i + 1 < text.length() && Character.isLowSurrogate(text.charAt(i + 1));
      if (!pair) return i;
      i++;
    }
    return -1;
  }
}
