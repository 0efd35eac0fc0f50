import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.llava.CancelToken;
import org.llava.ChatOptions;
import org.llava.Embedding;
import org.llava.Event;
import org.llava.Image;
import org.llava.Llava;
import org.llava.LlavaException;
import org.llava.Message;
import org.llava.Model;
import org.llava.Response;
import org.llava.Session;
import org.llava.SessionOptions;
import org.llava.SessionStats;
import org.llava.Stream;

/** The conversation of README.md beside this file, in Java: Conversation MODEL PICTURES WORK */
final class Conversation {
  private static final String HOW_MANY = "How many shapes are there?";
  private static final String DESCRIBE = "Describe the picture.";
  private static final PrintStream OUT = new PrintStream(new FileOutputStream(FileDescriptor.out), false, UTF_8);

  private final Path folder;
  private final Path pictures;
  private final Path work;
  private final Model model;
  private final Image dotted;
  private final Image striped;

  private Conversation(Path folder, Path pictures, Path work) {
    this.folder = folder;
    this.pictures = pictures;
    this.work = work;
    model = Model.load(folder);
    dotted = Image.of(pictures.resolve("dotted.png"));
    striped = Image.of(pictures.resolve("striped.png"));
  }

  private static void say(String name, Object value) {
    OUT.print(name + ":" + (value.equals("") && name.endsWith("ids") ? "" : " ") + value + "\n");
  }

  private static String ids(int[] ids) {
    return Arrays.stream(ids).mapToObj(String::valueOf).collect(Collectors.joining(" "));
  }

  private static void say(String name, Response response) {
    say(name + ".text", response.text());
    say(name + ".ids", ids(response.tokens()));
    say(name + ".finish", response.finishReason().jsonName());
    say(name + ".prompt", response.usage().promptTokens());
    say(name + ".pictures", response.usage().imageTokens());
    say(name + ".cached", response.usage().cachedTokens());
    say(name + ".completion", response.usage().completionTokens());
  }

  private static ChatOptions greedy(int tokens) {
    return new ChatOptions().temperature(0).maxTokens(tokens);
  }

  private static void chat(String name, Session session, Message message) {
    say(name, session.chat(message, greedy(64)));
  }

  /** Pulls to the end: the names of the events and the joined text. */
  private static void stream(String name, Session session, String text, ChatOptions options) {
    StringBuilder names = new StringBuilder();
    StringBuilder joined = new StringBuilder();
    try (Stream stream = session.stream(Message.user(text), options)) {
      for (Event event : stream) {
        names.append(" ").append(event.type().name().toLowerCase(Locale.ROOT));
        joined.append(event);
      }
      OUT.print(name + ".events:" + names + "\n");
      say(name + ".joined", joined);
      say(name, stream.finish());
    }
  }

  /** Pulls until so many tokens have come. */
  private static void pullTokens(Stream stream, int wanted) {
    while (wanted > 0) if (stream.next().token() >= 0) wanted--;
  }

  private void threeTurns(Session session) {
    chat("turn1", session, Message.user(dotted, HOW_MANY));
    stream("turn2", session, "Describe the picture. 🔴 絵", greedy(64));
    chat("turn3", session, Message.user(striped, HOW_MANY));
    SessionStats stats = session.stats();
    say("session.turns", stats.turns());
    say("session.positions", stats.tokens());
    say("session.limit", stats.limit());
    say("session.encoded", stats.imagesEncoded());
  }

  private Session rewindAndFork(Session session) {
    session.rewind(4);
    say("rewind.turns", session.turnCount());
    chat("rewind", session, Message.user(striped, "Is there a cross?"));
    Session fork = session.fork();
    chat("fork", fork, Message.user(DESCRIBE));
    say("fork.turns", fork.turnCount());
    say("original.turns", session.turnCount());
    return fork;
  }

  private static void cancelKeeping(Session session) {
    try (Stream stream = session.stream(Message.user(DESCRIBE), greedy(64).keepOnCancel(true))) {
      pullTokens(stream, 3);
      stream.cancel();
      say("keep", stream.finish());
    }
    say("keep.turns", session.turnCount());
  }

  private static void cancelRollingBack(Session session) {
    try (CancelToken cancel = new CancelToken();
        Stream stream = session.stream(Message.user(DESCRIBE), greedy(64).cancel(cancel))) {
      pullTokens(stream, 2);
      cancel.cancel();
      say("rollback.status", status(() -> {
        while (stream.pull() != null) continue;
      }));
    }
    say("rollback.turns", session.turnCount());
  }

  /** A stream that is cancelled before its first event keeps nothing. */
  private static void cancelAtOnce(Session session) {
    try (Stream stream = session.stream(Message.user(DESCRIBE), greedy(64).keepOnCancel(true))) {
      stream.cancel();
      say("at_once.status", status(stream::pull));
    }
    say("at_once.turns", session.turnCount());
  }

  /** Makes the model say an emoji, byte by byte: greater and smaller biases, and a penalty that takes each back once used. */
  private void emojiAnswer(Session session) {
    int[] ids = model.tokenize("🙂", false);
    say("emoji.tokenized", ids(ids));
    Map<Integer, Integer> biases = new LinkedHashMap<>();
    for (int i = 0; i < 4; i++) biases.put(ids[ids.length - 4 + i], 4000 - 1000 * i);
    stream("emoji", session, HOW_MANY, greedy(4).repetitionPenalty(100).logitBias(biases));
  }

  private static void append(Session session) {
    session.append(Message.user("👋🏽 猫"));
    session.append(Message.assistant("Grüße 🐈‍⬛"));
    say("append.text", session.turn(3).text());
    say("append.turns", session.turnCount());
  }

  private void saveAndLoad(Session session) {
    Path path = work.resolve("Gespräch 💬 対話.session");
    session.save(path);
    try (Session loaded = model.loadSession(path)) {
      chat("saved", loaded, Message.user(DESCRIBE));
      say("saved.turns", loaded.turnCount());
    }
  }

  private void embedding() {
    try (Embedding rows = model.encode(dotted); Session session = model.session()) {
      say("embedding.tokens", rows.info().tokens());
      say("embedding.width", rows.info().width());
      chat("embedding", session, Message.user(rows, HOW_MANY));
    }
  }

  private void reason(String name, long maxContext, ChatOptions options) {
    try (Session session = model.session(new SessionOptions().maxContext(maxContext))) {
      say(name, session.chat(Message.user(dotted, DESCRIBE), options));
    }
  }

  /** The status a call fails with, or OK. */
  private static String status(Runnable call) {
    try {
      call.run();
      return "OK";
    } catch (LlavaException error) {
      return error.code().name();
    }
  }

  private static void error(String name, Runnable call) {
    say("error." + name, status(call));
  }

  private void errorsOfFiles() {
    error("missing_model", () -> Model.load(folder.resolve("no such model 😿")));
    error("not_a_model", () -> Model.load(work));
    error("missing_picture", () -> Image.of(pictures.resolve("no such picture.png")));
    error("broken_picture", () -> Image.of(folder.resolve("config.json")));
    error("not_a_session", () -> model.loadSession(folder.resolve("model.safetensors")));
    error("empty_picture", () -> Image.of(new byte[0]));
    error("remote_picture", () -> Image.ofDataUri("https://example.org/cat.png", null));
  }

  private void chatError(String name, ChatOptions options, Message message) {
    try (Session session = model.session()) {
      error(name, () -> session.chat(message, options));
    }
  }

  private void errorsOfOptions() {
    Message question = Message.user(HOW_MANY);
    chatError("bad_max_tokens", greedy(0), question);
    chatError("bad_temperature", greedy(64).temperature(1000), question);
    chatError("missing_adapter", greedy(64).adapter("no such adapter"), question);
    error("missing_template", () -> model.session(new SessionOptions().template("no such template")));
    error("bad_context", () -> model.session(new SessionOptions().maxContext(1000000)));
  }

  private void errorsOfChat() {
    chatError("empty_message", greedy(64), Message.of(Message.Role.USER));
    chatError("context_full", greedy(64), Message.user("red ".repeat(700)));
    try (CancelToken cancel = new CancelToken()) {
      cancel.cancel();
      chatError("cancelled", greedy(64).cancel(cancel), Message.user(HOW_MANY));
      cancel.reset();
      cancel.deadline(Duration.ZERO);
      chatError("timeout", greedy(64).cancel(cancel), Message.user(HOW_MANY));
    }
  }

  private static void errorsOfOrder(Session session) {
    try (Stream stream = session.stream(Message.user(HOW_MANY), greedy(64))) {
      error("busy_chat", () -> session.chat(Message.user(HOW_MANY), greedy(64)));
      error("busy_fork", session::fork);
      error("busy_rewind", () -> session.rewind(0));
    }
    error("rewind_too_far", () -> session.rewind(99));
    say("error.turns", session.turnCount());
  }

  private void useAfterClose() {
    Session session = model.session();
    session.close();
    String found = "accepted";
    try {
      session.fork().close();
    } catch (IllegalStateException error) {
      found = "refused";
    }
    say("error.closed", found);
  }

  private void hold() {
    try (model; dotted; striped; Session session = model.session(); Session emoji = model.session()) {
      threeTurns(session);
      try (Session fork = rewindAndFork(session)) {
        cancelKeeping(fork);
        cancelRollingBack(fork);
        cancelAtOnce(fork);
      }
      emojiAnswer(emoji);
      append(emoji);
      saveAndLoad(session);
      embedding();
      reason("length", 0, greedy(5));
      reason("stop_string", 0, greedy(64).stop(" shapes"));
      reason("context", 64, greedy(64));
      errorsOfFiles();
      errorsOfOptions();
      errorsOfChat();
      errorsOfOrder(session);
      useAfterClose();
    }
    say("live", Llava.liveObjects().values().stream().mapToLong(count -> (Long) count).sum());
  }

  public static void main(String[] arguments) {
    if (arguments.length != 3) {
      System.err.println("usage: Conversation MODEL PICTURES WORK");
      System.exit(2);
    }
    List<Path> paths = Arrays.stream(arguments).map(Path::of).toList();
    new Conversation(paths.get(0), paths.get(1), paths.get(2)).hold();
    OUT.flush();
  }
}
