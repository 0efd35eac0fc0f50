package org.llava;

/** Lists of token ids out of the library: first their number, then they. */
final class Ids {
  private Ids() {}

  /** A call that fills `ids`, or tells the number where they are null. */
  interface Call {
    void fill(int[] ids, long[] count);
  }

  static int[] read(Call call) {
    long[] count = new long[1];
    call.fill(null, count);
    int[] ids = new int[Math.toIntExact(count[0])];
    if (ids.length > 0) call.fill(ids, count);
    return ids;
  }
}
