package org.llava;

import java.nio.file.Path;

/** An encoded picture: {@link Model#encode}. It never changes and may be used in any number of messages and sessions. */
public final class Embedding extends NativeObject implements Picture {
  Embedding(long handle) {
    super(handle, Native::llava_embedding_free);
  }

  /**
   * What an embedding is.
   *
   * @param tokens  rows
   * @param width  columns
   * @param projected  whether the language model can read it; else features of the vision tower
   * @param imageSha256  hash of the picture it came from; "" for one made from a tensor
   * @param modelFingerprint  the model it belongs to
   */
  public record Info(int tokens, int width, boolean projected, String imageSha256, String modelFingerprint) {}

  /** What it is. */
  public Info info() {
    llava_embedding_desc desc = new llava_embedding_desc();
    try (Use use = new Use()) {
      Native.llava_embedding_info(use.of(this), desc);
      boolean projected = desc.getOutput() == NativeConstants.LLAVA_ENCODE_PROJECTED;
      return new Info(
          desc.getTokens(), desc.getWidth(), projected, desc.getImage_sha256(), desc.getModel_fingerprint());
    } finally {
      desc.delete();
    }
  }

  /** The numbers, [tokens, width] in f32. */
  public Tensor tensor() {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_embedding_tensor(use.of(this), out);
    }
    return Tensor.take(out[0]);
  }

  /** Writes a safetensors file that {@link Model#loadEmbedding} reads; it is whole or absent. */
  public void save(Path path) {
    try (Use use = new Use()) {
      Native.llava_embedding_save(use.of(this), path.toString());
    }
  }
}
