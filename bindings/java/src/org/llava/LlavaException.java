package org.llava;

import java.util.Collections;
import java.util.Map;

/**
 * A call failed: the message says where, what was found and what was expected. What the call was to change is as before. There
 * is one subclass for each {@link Status}.
 */
public class LlavaException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What kind of failure. */
  private final Status code;

  /** The function of the library that failed. */
  private final String function;

  /** The numbers behind the message. */
  private final transient Map<String, Object> details;

  LlavaException(Status code, String message, String function, Map<String, Object> details) {
    super(message);
    this.code = code;
    this.function = function;
    this.details = Collections.unmodifiableMap(details);
  }

  /** What kind of failure. */
  public Status code() {
    return code;
  }

  /** The function of the library that failed, such as {@code llava_load}; "" where it was noticed in Java. */
  public String function() {
    return function;
  }

  /** The numbers behind the message, for example needed and limit. */
  public Map<String, Object> details() {
    return details == null ? Map.of() : details;
  }

  static LlavaException of(Status code, String message, String function, Map<String, Object> details) {
    switch (code) {
      case INVALID_ARGUMENT: return new InvalidArgument(message, function, details);
      case STATE: return new State(message, function, details);
      case BUSY: return new Busy(message, function, details);
      case NOT_FOUND: return new NotFound(message, function, details);
      case IO: return new Io(message, function, details);
      case FORMAT: return new Format(message, function, details);
      case UNSUPPORTED: return new Unsupported(message, function, details);
      case ABI: return new Abi(message, function, details);
      case OUT_OF_MEMORY: return new OutOfMemory(message, function, details);
      case DEVICE_MEMORY: return new DeviceMemory(message, function, details);
      case DEVICE: return new Device(message, function, details);
      case CONTEXT_FULL: return new ContextFull(message, function, details);
      case LIMIT: return new Limit(message, function, details);
      case CANCELLED: return new Cancelled(message, function, details);
      case TIMEOUT: return new Timeout(message, function, details);
      case CALLBACK: return new Callback(message, function, details);
      case BUFFER_TOO_SMALL: return new BufferTooSmall(message, function, details);
      case GRAMMAR: return new Grammar(message, function, details);
      case DISTRIBUTED: return new Distributed(message, function, details);
      case DIVERGED: return new Diverged(message, function, details);
      default: return new Internal(message, function, details);
    }
  }

  /** An argument is out of range, of the wrong shape, no Unicode, or of another model. */
  public static final class InvalidArgument extends LlavaException {
    private static final long serialVersionUID = 1;

    InvalidArgument(String message) {
      this(message, "", Map.of());
    }

    InvalidArgument(String message, String function, Map<String, Object> details) {
      super(Status.INVALID_ARGUMENT, message, function, details);
    }
  }

  /** Calls in the wrong order: a finished stream, after {@link Llava#shutdown()}. */
  public static final class State extends LlavaException {
    private static final long serialVersionUID = 1;

    State(String message) {
      this(message, "", Map.of());
    }

    State(String message, String function, Map<String, Object> details) {
      super(Status.STATE, message, function, details);
    }
  }

  /** In use by another thread or a stream; the same call may succeed later. */
  public static final class Busy extends LlavaException {
    private static final long serialVersionUID = 1;

    Busy(String message, String function, Map<String, Object> details) {
      super(Status.BUSY, message, function, details);
    }
  }

  /** A file, tensor, feature or other name does not exist. */
  public static final class NotFound extends LlavaException {
    private static final long serialVersionUID = 1;

    NotFound(String message, String function, Map<String, Object> details) {
      super(Status.NOT_FOUND, message, function, details);
    }
  }

  /** Reading or writing failed; the disk is full. */
  public static final class Io extends LlavaException {
    private static final long serialVersionUID = 1;

    Io(String message, String function, Map<String, Object> details) {
      super(Status.IO, message, function, details);
    }
  }

  /** A damaged or unknown checkpoint, picture or JSON. */
  public static final class Format extends LlavaException {
    private static final long serialVersionUID = 1;

    Format(String message) {
      this(message, "", Map.of());
    }

    Format(String message, String function, Map<String, Object> details) {
      super(Status.FORMAT, message, function, details);
    }
  }

  /** Valid, but not in this build, model or device. */
  public static final class Unsupported extends LlavaException {
    private static final long serialVersionUID = 1;

    Unsupported(String message) {
      this(message, "", Map.of());
    }

    Unsupported(String message, String function, Map<String, Object> details) {
      super(Status.UNSUPPORTED, message, function, details);
    }
  }

  /** The jar and the library, or the library and LibTorch, do not fit. */
  public static final class Abi extends LlavaException {
    private static final long serialVersionUID = 1;

    Abi(String message, String function, Map<String, Object> details) {
      super(Status.ABI, message, function, details);
    }
  }

  /** The host's memory is used up. */
  public static final class OutOfMemory extends LlavaException {
    private static final long serialVersionUID = 1;

    OutOfMemory(String message, String function, Map<String, Object> details) {
      super(Status.OUT_OF_MEMORY, message, function, details);
    }
  }

  /** The device's memory is used up; the details have needed, free and cached. */
  public static final class DeviceMemory extends LlavaException {
    private static final long serialVersionUID = 1;

    DeviceMemory(String message, String function, Map<String, Object> details) {
      super(Status.DEVICE_MEMORY, message, function, details);
    }
  }

  /** CUDA or its driver failed. */
  public static final class Device extends LlavaException {
    private static final long serialVersionUID = 1;

    Device(String message, String function, Map<String, Object> details) {
      super(Status.DEVICE, message, function, details);
    }
  }

  /** Too long for the model; the details have needed and limit. */
  public static final class ContextFull extends LlavaException {
    private static final long serialVersionUID = 1;

    ContextFull(String message, String function, Map<String, Object> details) {
      super(Status.CONTEXT_FULL, message, function, details);
    }
  }

  /** A documented limit (pixels, file size, ...) is exceeded. */
  public static final class Limit extends LlavaException {
    private static final long serialVersionUID = 1;

    Limit(String message, String function, Map<String, Object> details) {
      super(Status.LIMIT, message, function, details);
    }
  }

  /** A {@link CancelToken} was used, or the thread was interrupted (then the cause is an InterruptedException). */
  public static final class Cancelled extends LlavaException {
    private static final long serialVersionUID = 1;

    Cancelled(String message) {
      this(message, "", Map.of());
    }

    Cancelled(String message, String function, Map<String, Object> details) {
      super(Status.CANCELLED, message, function, details);
    }
  }

  /** The operation's deadline passed. */
  public static final class Timeout extends LlavaException {
    private static final long serialVersionUID = 1;

    Timeout(String message, String function, Map<String, Object> details) {
      super(Status.TIMEOUT, message, function, details);
    }
  }

  /** A callback failed. */
  public static final class Callback extends LlavaException {
    private static final long serialVersionUID = 1;

    Callback(String message, String function, Map<String, Object> details) {
      super(Status.CALLBACK, message, function, details);
    }
  }

  /** A buffer is too small. */
  public static final class BufferTooSmall extends LlavaException {
    private static final long serialVersionUID = 1;

    BufferTooSmall(String message, String function, Map<String, Object> details) {
      super(Status.BUFFER_TOO_SMALL, message, function, details);
    }
  }

  /** A grammar cannot be compiled or continued. */
  public static final class Grammar extends LlavaException {
    private static final long serialVersionUID = 1;

    Grammar(String message, String function, Map<String, Object> details) {
      super(Status.GRAMMAR, message, function, details);
    }
  }

  /** Ranks could not meet, one was lost, or they differ. */
  public static final class Distributed extends LlavaException {
    private static final long serialVersionUID = 1;

    Distributed(String message, String function, Map<String, Object> details) {
      super(Status.DISTRIBUTED, message, function, details);
    }
  }

  /** Numbers became NaN or infinite. */
  public static final class Diverged extends LlavaException {
    private static final long serialVersionUID = 1;

    Diverged(String message, String function, Map<String, Object> details) {
      super(Status.DIVERGED, message, function, details);
    }
  }

  /** A defect of the library. */
  public static final class Internal extends LlavaException {
    private static final long serialVersionUID = 1;

    Internal(String message, String function, Map<String, Object> details) {
      super(Status.INTERNAL, message, function, details);
    }
  }
}
