import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Path;
import java.util.Locale;
import org.llava.ChatOptions;
import org.llava.Event;
import org.llava.Llava;
import org.llava.Message;
import org.llava.Model;
import org.llava.Session;
import org.llava.Stream;

/** What stream_cost.c measures, through the Java package: StreamCost MODEL ROUNDS */
final class StreamCost {
  private static final int TOKENS = 300;
  private static final ThreadMXBean CLOCK = ManagementFactory.getThreadMXBean();

  private static double oneRound(Session session) {
    session.reset();
    ChatOptions options = new ChatOptions().ignoreEos(true).temperature(0).maxTokens(TOKENS);
    int letters = 0;
    try (Stream stream = session.stream(Message.user("hi"), options)) {
      long begin = CLOCK.getCurrentThreadCpuTime();
      for (Event event : stream) letters += event.text().length();
      double us = (CLOCK.getCurrentThreadCpuTime() - begin) / 1e3 / TOKENS;
      if (letters == 0) throw new IllegalStateException("the model said nothing");
      return us;
    }
  }

  public static void main(String[] arguments) {
    Llava.setThreads(1);
    double best = Double.MAX_VALUE;
    try (Model model = Model.load(Path.of(arguments[0])); Session session = model.session()) {
      for (int round = 0; round < Integer.parseInt(arguments[1]); round++) best = Math.min(best, oneRound(session));
    }
    System.out.printf(Locale.ROOT, "%.2f%n", best);
  }
}
