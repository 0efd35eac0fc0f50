package org.llava;

import java.util.Map;

/** A LoRA in memory, of one model: {@link Model#loadAdapter}. Calls choose it by its name, {@link Model#attach} for all others. */
public final class Adapter extends NativeObject {
  Adapter(long handle) {
    super(handle, Native::llava_adapter_free);
  }

  /** name, path, rank, alpha, layers, targets, replaced tensors, parameters, bytes. */
  public Map<String, Object> info() {
    byte[][] out = new byte[1][];
    try (Use use = new Use()) {
      Native.llava_adapter_info_json(use.of(this), out);
    }
    return Json.object(Text.string(out[0]));
  }

  /** What calls choose it by. */
  public String name() {
    return String.valueOf(info().get("name"));
  }
}
