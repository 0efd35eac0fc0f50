package org.llava;

import java.util.ArrayList;
import java.util.List;

/**
 * The objects one call uses: none of them is freed before the call has ended, whoever closes it meanwhile.
 *
 * <pre>{@code try (Use use = new Use()) { Native.llava_session_reset(use.of(this)); }}</pre>
 */
final class Use implements AutoCloseable {
  private NativeObject first; // most calls have one
  private List<NativeObject> more;

  /** The handle of an object; 0 of null. */
  long of(NativeObject object) {
    if (object == null) return 0;
    long handle = object.enter();
    if (first == null) {
      first = object;
    } else {
      if (more == null) more = new ArrayList<>();
      more.add(object);
    }
    return handle;
  }

  long[] of(List<? extends NativeObject> objects) {
    long[] handles = new long[objects.size()];
    for (int i = 0; i < handles.length; i++) handles[i] = of(java.util.Objects.requireNonNull(objects.get(i)));
    return handles;
  }

  @Override
  public void close() {
    if (first != null) first.leave();
    if (more != null) more.forEach(NativeObject::leave);
  }
}
