import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.llava.ChatOptions;
import org.llava.Event;
import org.llava.Image;
import org.llava.Llava;
import org.llava.Model;

/** What the tests of the Java package share. They run in the root of the source tree. */
final class Support {
  static final Path SCENES = Path.of("models/scenes");
  static final Path TINY = Path.of("tests/golden/model/tiny");
  static final Path PICTURE = SCENES.resolve("examples/dotted.png");
  static final Path STRIPED = SCENES.resolve("examples/striped.png");
  static final String QUESTION = "How many shapes are there?";

  /** The small model that really looks, and a random one, smaller still; they live as long as the tests. */
  private static Model scenes;
  private static Model tiny;

  static synchronized Model scenes() {
    if (scenes == null) scenes = Model.load(SCENES);
    return scenes;
  }

  static synchronized Model tiny() {
    if (tiny == null) tiny = Model.load(TINY);
    return tiny;
  }

  static ChatOptions greedy(int tokens) {
    return new ChatOptions().temperature(0).maxTokens(tokens);
  }

  /** An answer of 400 tokens: some 100 ms on the small model. */
  static ChatOptions longAnswer() {
    return greedy(400).ignoreEos(true);
  }

  static void check(boolean holds, Object... shown) {
    if (!holds) throw new AssertionError(Arrays.deepToString(shown));
  }

  static void equal(Object found, Object expected) {
    if (!Objects.deepEquals(found, expected)) {
      throw new AssertionError("found " + text(found) + ", expected " + text(expected));
    }
  }

  private static String text(Object value) {
    return Arrays.deepToString(new Object[] {value});
  }

  interface Action {
    void run() throws Exception;
  }

  /** The exception an action throws, which must be of that class and say that. */
  static <E extends Throwable> E thrown(Class<E> kind, String part, Action action) {
    try {
      action.run();
    } catch (Throwable error) {
      if (!kind.isInstance(error)) throw new AssertionError("expected " + kind.getName(), error);
      check(String.valueOf(error.getMessage()).contains(part), error.getMessage(), "expected to contain", part);
      return kind.cast(error);
    }
    throw new AssertionError("nothing was thrown, expected " + kind.getName());
  }

  /** The action leaves as many objects of the library behind as it found. */
  static void leavesNothing(Action action) throws Exception {
    scenes();
    tiny();
    Map<String, Object> before = Llava.liveObjects();
    action.run();
    equal(Llava.liveObjects(), before);
  }

  static Thread inThread(Action action, List<Throwable> failures) {
    Thread thread = new Thread(() -> {
      try {
        action.run();
      } catch (Throwable error) {
        failures.add(error);
      }
    });
    thread.start();
    return thread;
  }

  static int tokens(Event event) {
    return event.token() >= 0 ? 1 : 0;
  }

  static Path folder() throws IOException {
    Path folder = Files.createTempDirectory("llava 🦙 猫 ");
    folder.toFile().deleteOnExit();
    return folder;
  }

  static void remove(Path folder) throws IOException {
    try (var files = Files.walk(folder)) {
      for (Path path : files.sorted(java.util.Comparator.reverseOrder()).toList()) Files.delete(path);
    }
  }

  /** What a program printed, both streams, and its exit code in the last line. */
  record Run(int code, String out) {}

  /** Runs another Java with this one's class path. */
  static Run java(Map<String, String> environment, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-Xshare:auto"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment);
    builder.environment().put("LC_ALL", "C.UTF-8");
    Process process = builder.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!process.waitFor(60, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("the program did not end: " + out);
    }
    return new Run(process.exitValue(), out);
  }

  /** The class path and properties this Java runs with, for another. */
  static String[] same(String... more) {
    List<String> arguments = new ArrayList<>(List.of("-cp", System.getProperty("java.class.path"),
        "-Dllava.library.path=" + System.getProperty("llava.library.path")));
    arguments.addAll(List.of(more));
    return arguments.toArray(String[]::new);
  }

  static Image picture() {
    return Image.of(PICTURE);
  }

  private Support() {}
}
