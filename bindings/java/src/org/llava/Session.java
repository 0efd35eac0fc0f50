package org.llava;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.function.Consumer;

/**
 * A dialogue with memory: {@link Model#session()}. One operation at a time; a second thread gets {@link LlavaException.Busy}. A
 * call that fails or is cancelled leaves it as it was.
 */
public final class Session extends NativeObject {
  Session(long handle) {
    super(handle, Native::llava_session_free);
  }

  /** Asks and waits for the whole answer. */
  public Response chat(String text) {
    return chat(Message.user(text), null);
  }

  /** The same about a picture. */
  public Response chat(Picture picture, String text) {
    return chat(Message.user(picture, text), null);
  }

  /**
   * Asks and waits for the whole answer. An interrupt of this thread cancels it: {@link LlavaException.Cancelled}, with an
   * InterruptedException as its cause.
   *
   * @param message  of role user; null answers what {@link #append} or {@link #appendIds} added last
   * @param options  null for defaults
   */
  public Response chat(Message message, ChatOptions options) {
    try (Use use = new Use()) {
      use.of(this); // close() waits
      try (Stream stream = stream(message, options)) {
        return stream.finish();
      }
    }
  }

  /** Begins an answer that is pulled event by event. */
  public Stream stream(String text) {
    return stream(Message.user(text), null);
  }

  /** The same with options; null for defaults. */
  public Stream stream(Message message) {
    return stream(message, null);
  }

  /**
   * Begins an answer that is pulled event by event.
   *
   * @param message  of role user; null answers what was added last
   * @param options  null for defaults
   */
  public Stream stream(Message message, ChatOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_chat_options> filled = ChatOptions.fill(options, use);
        Message.Open open = message == null ? null : message.open(use)) {
      Native.llava_chat_start(use.of(this), open == null ? 0 : open.handle, filled.struct, out);
    }
    return new Stream(out[0]);
  }

  /** {@link #chatAsync(Message, ChatOptions, Executor)} on a thread of its own. */
  public CompletableFuture<Response> chatAsync(Message message, ChatOptions options) {
    return chatAsync(message, options, Answering::inThread);
  }

  /**
   * Asks without waiting. What can be refused at once is thrown at once; what fails later completes the future with a {@link
   * LlavaException}. Cancelling the future cancels the answer, and the session is as before and free; so do
   * {@code orTimeout()} and whatever else ends it before, where the session is free a moment later.
   *
   * @param executor  runs the work, for as long as the answer takes
   */
  public CompletableFuture<Response> chatAsync(Message message, ChatOptions options, Executor executor) {
    return Answering.begin(stream(message, options), null, executor);
  }

  /**
   * Asks without waiting, and hears each event as it comes.
   *
   * @param heard  gets them on the thread that works; what it throws cancels the answer and completes the future
   */
  public CompletableFuture<Response> chatAsync(Message message, Consumer<Event> heard, ChatOptions options) {
    Objects.requireNonNull(heard, "heard");
    return Answering.begin(stream(message, options), heard, Answering::inThread);
  }

  /**
   * The events of an answer for reactive streams. Each subscriber begins an answer of its own; it is made on a thread of its own
   * and no further than events were asked for. Cancelling the subscription cancels it, and the session is as before.
   */
  public Flow.Publisher<Event> publish(Message message, ChatOptions options) {
    return new Publishing(() -> stream(message, options));
  }

  /** Adds a message and computes it, without an answer. */
  public void append(Message message) {
    append(message, null);
  }

  /** The same; `cancel` stops it from another thread, null for none. */
  public void append(Message message, CancelToken cancel) {
    try (Use use = new Use();
        Message.Open open = message.open(use)) {
      Native.llava_session_append(use.of(this), open.handle, use.of(cancel));
    }
  }

  /**
   * Adds raw token ids as one turn, exactly as given.
   *
   * @param ids  token ids, and {@link Model#IMAGE_TOKEN} once for each embedding
   * @param cancel  null for none
   */
  public void appendIds(int[] ids, List<Embedding> embeddings, CancelToken cancel) {
    try (Use use = new Use()) {
      Native.llava_session_append_ids(use.of(this), ids, use.of(embeddings), use.of(cancel));
    }
  }

  /** Forgets the dialogue; options stay. */
  public void reset() {
    try (Use use = new Use()) {
      Native.llava_session_reset(use.of(this));
    }
  }

  /** Keeps the first turns and forgets the rest: to ask again, go back to before the question. */
  public void rewind(int turns) {
    try (Use use = new Use()) {
      Native.llava_session_rewind(use.of(this), turns);
    }
  }

  /** A second session with the same past; from here on they are independent. */
  public Session fork() {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_session_fork(use.of(this), out);
    }
    return new Session(out[0]);
  }

  /** The number of turns: questions and answers each count one. */
  public int turnCount() {
    return stats().turns();
  }

  /** One turn; its pictures are known by their hashes alone. */
  public Message turn(int index) {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_session_turn(use.of(this), index, out);
    }
    return Message.take(out[0]);
  }

  /** The dialogue so far. */
  public List<Message> turns() {
    List<Message> turns = new ArrayList<>();
    for (int i = 0, count = turnCount(); i < count; i++) turns.add(turn(i));
    return turns;
  }

  /** What the session has done and holds; may be asked while an operation runs. */
  public SessionStats stats() {
    llava_session_usage usage = new llava_session_usage();
    try (Use use = new Use()) {
      Native.llava_session_stats(use.of(this), usage);
      return SessionStats.of(usage);
    } finally {
      usage.delete();
    }
  }

  /** The dialogue as JSON in OpenAI's shape, pictures named by their hashes; {@link #save} keeps those too. */
  public String historyJson() {
    byte[][] out = new byte[1][];
    try (Use use = new Use()) {
      Native.llava_session_history_json(use.of(this), out);
    }
    return Text.string(out[0]);
  }

  /** Writes the dialogue with its pictures to a file, for {@link Model#loadSession}; the file is whole or absent. */
  public void save(Path path) {
    Objects.requireNonNull(path, "path");
    try (Use use = new Use()) {
      Native.llava_session_save(use.of(this), path.toString());
    }
  }
}
