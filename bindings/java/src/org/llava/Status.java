package org.llava;

/** What a call of the library answered; the numbers of {@code base.h}. */
public enum Status {
  OK(0),
  INVALID_ARGUMENT(1),
  STATE(2),
  BUSY(3),
  NOT_FOUND(4),
  IO(5),
  FORMAT(6),
  UNSUPPORTED(7),
  ABI(8),
  OUT_OF_MEMORY(9),
  DEVICE_MEMORY(10),
  DEVICE(11),
  CONTEXT_FULL(12),
  LIMIT(13),
  CANCELLED(14),
  TIMEOUT(15),
  CALLBACK(16),
  BUFFER_TOO_SMALL(17),
  GRAMMAR(18),
  DISTRIBUTED(19),
  DIVERGED(20),
  END(21),
  WOULD_BLOCK(22),
  INTERNAL(99);

  private final int number;

  Status(int number) {
    this.number = number;
  }

  /** The number of this status in C. */
  public int number() {
    return number;
  }

  /** Whether the same call may succeed later without a change by the caller. */
  public boolean retryable() {
    return Native.llava_status_is_retryable(number) != 0;
  }

  /** The status of a number; {@link #INTERNAL} for one that this class does not know. */
  static Status of(int number) {
    for (Status status : values()) if (status.number == number) return status;
    return INTERNAL;
  }
}
