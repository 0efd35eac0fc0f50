package org.llava;

/** Turns tokens into text one by one, never half a character. It serves one thread at a time. */
public final class Decoder extends NativeObject {
  /**
   * A decoder.
   *
   * @param special  whether special tokens are written as text
   */
  public Decoder(Model model, boolean special) {
    super(create(model, special), Native::llava_decoder_free);
  }

  private static long create(Model model, boolean special) {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_decoder_create(use.of(model), special ? NativeConstants.LLAVA_DETOKENIZE_SPECIAL : 0, out);
    }
    return out[0];
  }

  /** Adds a token; the text that is certain now, perhaps "". */
  public String push(int id) {
    byte[][] text = new byte[1][];
    try (Use use = new Use()) {
      Native.llava_decoder_push(use.of(this), id, text);
    }
    return Text.string(text[0]);
  }

  /** Ends the text: what was held back. */
  public String flush() {
    byte[][] text = new byte[1][];
    try (Use use = new Use()) {
      Native.llava_decoder_flush(use.of(this), text);
    }
    return Text.string(text[0]);
  }
}
