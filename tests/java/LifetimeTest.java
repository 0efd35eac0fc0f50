import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.llava.CancelToken;
import org.llava.Decoder;
import org.llava.Embedding;
import org.llava.Event;
import org.llava.Image;
import org.llava.Llava;
import org.llava.LlavaException;
import org.llava.Message;
import org.llava.Model;
import org.llava.NativeObject;
import org.llava.Response;
import org.llava.Session;
import org.llava.Stream;

/** Objects and their ends: any order, twice, too early, from another thread, never. */
final class LifetimeTest {
  static void everyOrderOfClosingIsRight() throws Exception {
    Support.leavesNothing(() -> {
      for (List<Integer> order : orders(5)) {
        Model model = Model.load(Support.TINY);
        Session session = model.session();
        Image image = Support.picture();
        Embedding embedding = model.encode(image);
        Stream stream = session.stream(Message.user(embedding, "hi"), Support.greedy(2));
        stream.next();
        List<NativeObject> objects = List.of(model, session, image, embedding, stream);
        for (int index : order) {
          objects.get(index).close();
          objects.get(index).close(); // a second time does nothing
          Support.check(objects.get(index).isClosed() && objects.get(index).toString().contains("closed"));
        }
      }
    });
  }

  private static List<List<Integer>> orders(int count) {
    if (count == 0) return List.of(List.of());
    List<List<Integer>> longer = new ArrayList<>();
    for (List<Integer> order : orders(count - 1)) {
      for (int place = 0; place <= order.size(); place++) {
        List<Integer> made = new ArrayList<>(order);
        made.add(place, count - 1);
        longer.add(made);
      }
    }
    return longer;
  }

  static void useAfterCloseIsAClearError() throws Exception {
    Model model = Support.scenes();
    Image image = Support.picture();
    Session session = model.session();
    CancelToken cancel = new CancelToken();
    Embedding embedding = model.encode(image);
    Decoder decoder = new Decoder(model, false);
    Stream stream = session.stream(Message.user("hi"), Support.greedy(1));
    for (NativeObject each : List.of(image, embedding, decoder, stream, session, cancel)) each.close();
    List<Support.Action> uses = List.of(image::info, () -> image.pixels(org.llava.PixelFormat.RGB24), embedding::tensor,
        () -> decoder.push(1), stream::next, stream::hasNext, stream::cancel, stream::finish, () -> session.chat("hi"),
        session::stats, session::fork, cancel::cancel, () -> model.ask(Message.user("hi"), Support.greedy(1).cancel(cancel)),
        () -> model.ask(embedding, "hi"), () -> model.encode(image));
    for (Support.Action use : uses) Support.thrown(IllegalStateException.class, "is closed, expected an open one", use);
    Model other = Model.load(Support.TINY);
    other.close();
    Support.thrown(IllegalStateException.class, "Model is closed", other::session);
    Support.thrown(IllegalStateException.class, "Model is closed", () -> new Decoder(other, true));
  }

  static void childrenOutliveTheirParents() throws Exception {
    Support.leavesNothing(() -> {
      Session session;
      Embedding embedding;
      try (Model model = Model.load(Support.SCENES); Image image = Support.picture()) {
        session = model.session();
        embedding = model.encode(image);
      }
      Response answer = session.chat(Message.user(embedding, Support.QUESTION), Support.greedy(8));
      embedding.close();
      session.close();
      Support.equal(answer.text(), "four"); // a value that needs nothing any more
    });
  }

  static void closingASessionWaitsForTheCallUnderWay() throws Exception {
    Session session = Support.scenes().session();
    List<Response> answers = Collections.synchronizedList(new ArrayList<>());
    List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
    Thread thread = Support.inThread(() -> {
      while (true) {
        answers.add(session.chat(Message.user("hi"), Support.longAnswer()));
        session.reset();
      }
    }, failures);
    while (session.stats().tokensComputed() == 0) Thread.onSpinWait();
    session.close();
    Support.thrown(IllegalStateException.class, "Session is closed", session::stats);
    thread.join();
    for (Response answer : answers) Support.equal(answer.tokens().length, 400); // none was cut short
    Support.check(!answers.isEmpty() && failures.size() == 1 && failures.get(0) instanceof IllegalStateException, answers, failures);
  }

  static void closingAStreamCancelsItAndFreesTheSession() throws Exception {
    for (int round = 0; round < 20; round++) {
      try (Session session = Support.scenes().session()) {
        Stream stream = session.stream(Message.user("hi"), Support.longAnswer());
        List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch started = new CountDownLatch(round % 4);
        Thread thread = Support.inThread(() -> {
          for (Event event : stream) started.countDown();
        }, failures);
        started.await();
        stream.close();
        thread.join();
        Support.check(failures.size() == 1, failures);
        Support.check(failures.get(0) instanceof LlavaException.Cancelled || failures.get(0) instanceof IllegalStateException,
            failures.get(0));
        Support.equal(session.stats().turns(), 0);
        Support.check(session.chat(Message.user("hi"), Support.greedy(1)).tokens().length == 1);
      }
    }
  }

  static void anExceptionWhilePullingLeavesTheSessionAsItWas() throws Exception {
    Support.leavesNothing(() -> {
      try (Session session = Support.scenes().session()) {
        Support.thrown(ArithmeticException.class, "zero", () -> {
          try (Stream stream = session.stream(Message.user("hi"), Support.longAnswer())) {
            for (Event event : stream) if (event.index() == 3) System.out.println(1 / (event.index() - 3));
          }
        });
        Support.equal(session.stats().turns(), 0);
        Support.check(session.chat(Message.user("hi"), Support.greedy(1)).tokens().length == 1);
      }
    });
  }

  static void whatIsNeverClosedIsFreedInTheEnd() throws Exception {
    Session session = Support.tiny().session();
    Map<String, Object> before = Llava.liveObjects();
    abandon(session);
    for (int i = 0; i < 100; i++) {
      System.gc();
      Thread.sleep(10);
      if (Llava.liveObjects().equals(before)) break;
    }
    Support.equal(Llava.liveObjects(), before);
    Support.check(session.chat(Message.user("hi"), Support.greedy(1)).tokens().length == 1);
    session.close();
  }

  private static void abandon(Session session) {
    Support.tiny().session();
    Support.picture();
    session.stream(Message.user("hi"), Support.longAnswer()).next();
  }

  private static long residentBytes() throws Exception {
    return 4096 * Long.parseLong(Files.readString(Path.of("/proc/self/statm"), UTF_8).split(" ")[1]);
  }

  /** A bit of everything, with failures now and then. */
  private static void oneRound(Model model, boolean fail) throws Exception {
    try (Session session = model.session(); Image image = Support.picture(); Embedding embedding = model.encode(image)) {
      try (Stream stream = session.stream(Message.user(image, "hi"), Support.greedy(2))) {
        for (Event event : stream) event.text();
      }
      session.chat(Message.user(embedding, "hi"), Support.greedy(2));
      model.forward(new int[] {1, 5}, List.of(), null);
      session.fork().close();
      if (!fail) return;
      Support.thrown(LlavaException.ContextFull.class, "", () -> session.chat("hi".repeat(3000)));
      Support.thrown(LlavaException.InvalidArgument.class, "", () -> session.chat(Message.user("hi"), Support.greedy(0)));
      session.stream(Message.user("hi"), Support.greedy(2)).close();
    }
  }

  static void thousandsOfCallsLeakNothing() throws Exception {
    int rounds = System.getenv("LLAVA_FULL") != null ? 1000 : 200; // of more than ten calls
    for (int i = 0; i < 100; i++) oneRound(Support.tiny(), i % 5 == 0);
    System.gc();
    Map<String, Object> objects = Llava.liveObjects();
    long memory = residentBytes();
    for (int i = 0; i < rounds; i++) oneRound(Support.tiny(), i % 5 == 0);
    Support.equal(Llava.liveObjects(), objects);
    System.gc();
    Support.check(residentBytes() - memory < 24 << 20, residentBytes() - memory); // Java's own heap breathes
  }

  static void modelsDoNotLeak() throws Exception {
    for (int i = 0; i < 3; i++) Model.load(Support.TINY).close();
    Map<String, Object> objects = Llava.liveObjects();
    long memory = residentBytes();
    for (int i = 0; i < 40; i++) {
      try (Model model = Model.load(Support.TINY)) {
        model.session().close();
      }
    }
    Support.equal(Llava.liveObjects(), objects);
    Support.check(residentBytes() - memory < 8 << 20, residentBytes() - memory);
  }

  /** Ends in the way its argument says; the tests start it as another process. */
  static final class Leaver {
    public static void main(String[] arguments) throws Exception {
      Model model = Model.load(Support.SCENES);
      Session session = model.session();
      session.stream(Message.user("hi"), Support.longAnswer()).next();
      if (arguments[0].equals("calling")) {
        Session other = model.session();
        CountDownLatch started = new CountDownLatch(1);
        Thread thread = new Thread(() -> {
          while (true) {
            started.countDown();
            other.chat(Message.user("hi"), Support.longAnswer());
            other.reset();
          }
        });
        thread.setDaemon(true);
        thread.start();
        started.await();
        Thread.sleep(20);
      }
      if (arguments[0].equals("throwing")) throw new ArithmeticException("on purpose");
      if (arguments[0].equals("exiting")) System.exit(3);
    }
  }

  static void theProcessEndsQuietlyWithOpenHandles() throws Exception {
    ends("returning", 0, "");
    ends("exiting", 3, "");
    ends("calling", 0, "");
    ends("throwing", 1, "on purpose");
  }

  private static void ends(String how, int code, String said) throws Exception {
    Support.Run run = Support.java(Map.of(), Support.same("LifetimeTest$Leaver", how));
    Support.check(run.code() == code && (said.isEmpty() ? run.out().isEmpty() : run.out().contains(said)), how, run);
  }
}
