import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import org.llava.CancelToken;
import org.llava.Event;
import org.llava.LlavaException;
import org.llava.Message;
import org.llava.Response;
import org.llava.Session;
import org.llava.Status;
import org.llava.Stream;

/** Threads: two on two sessions, two on one, one that stops another. */
final class ThreadsTest {
  private static List<Throwable> failures() {
    return Collections.synchronizedList(new ArrayList<>());
  }

  static void twoThreadsOnTwoSessionsAnswerAsOneDoes() throws Exception {
    int[] expected = Support.scenes().ask(Message.user("hi"), Support.longAnswer()).tokens();
    List<int[]> answers = Collections.synchronizedList(new ArrayList<>());
    List<Throwable> failures = failures();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      threads.add(Support.inThread(() -> {
        for (int round = 0; round < 3; round++) {
          answers.add(Support.scenes().ask(Message.user("hi"), Support.longAnswer()).tokens());
        }
      }, failures));
    }
    for (Thread thread : threads) thread.join();
    Support.equal(failures, List.of());
    Support.equal(answers.size(), 6);
    for (int[] answer : answers) Support.equal(answer, expected);
  }

  static void theSecondThreadOnOneSessionGetsBusy() throws Exception {
    try (Session session = Support.scenes().session();
        Stream stream = session.stream(Message.user("hi"), Support.longAnswer())) {
      stream.next();
      List<Throwable> failures = failures();
      Support.inThread(() -> session.chat("hi"), failures).join();
      Support.check(failures.get(0) instanceof LlavaException.Busy, failures);
      Support.equal(((LlavaException) failures.get(0)).code(), Status.BUSY);
      Support.check(Status.BUSY.retryable() && !Status.FORMAT.retryable());
      for (Support.Action call : List.<Support.Action>of(() -> session.append(Message.user("x")), () -> session.rewind(0),
          session::fork, session::reset)) {
        Support.thrown(LlavaException.Busy.class, "", call);
      }
      stream.close();
      Support.check(session.chat(Message.user("hi"), Support.greedy(1)).tokens().length == 1);
    }
  }

  static void theSecondThreadOnOneStreamGetsBusyOrItsShare() throws Exception {
    try (Session session = Support.scenes().session();
        Stream stream = session.stream(Message.user("hi"), Support.longAnswer())) {
      Set<Long> seen = ConcurrentHashMap.newKeySet();
      List<Throwable> failures = failures();
      Support.Action pull = () -> {
        while (true) {
          try {
            Event event = stream.pull();
            if (event == null) return;
            if (event.token() >= 0) Support.check(seen.add(event.index()), event);
          } catch (LlavaException.Busy busy) {
            Thread.sleep(1);
          }
        }
      };
      Thread one = Support.inThread(pull, failures);
      Thread two = Support.inThread(pull, failures);
      one.join();
      two.join();
      Support.equal(failures, List.of());
      Support.equal(seen.size(), 400);
    }
  }

  static void anInterruptCancelsAndIsKept() throws Exception {
    try (Session session = Support.scenes().session()) {
      List<Throwable> failures = failures();
      boolean[] kept = new boolean[1];
      CountDownLatch started = new CountDownLatch(1);
      Thread thread = Support.inThread(() -> {
        started.countDown();
        try {
          while (true) {
            session.chat(Message.user("hi"), Support.longAnswer());
            session.reset();
          }
        } finally {
          kept[0] = Thread.currentThread().isInterrupted();
        }
      }, failures);
      started.await();
      Thread.sleep(20);
      long begin = System.nanoTime();
      thread.interrupt();
      thread.join();
      Support.check((System.nanoTime() - begin) / 1e6 < 500, "late");
      Support.check(failures.get(0) instanceof LlavaException.Cancelled, failures);
      Support.check(failures.get(0).getCause() instanceof InterruptedException && kept[0], failures);
      Support.equal(session.stats().turns(), 0);
    }
  }

  static void aTokenCancelsWhileThePromptIsRead() throws Exception {
    String words = "How many red shapes are there? ".repeat(60); // some 480 positions
    try (Session session = Support.scenes().session(); CancelToken cancel = new CancelToken()) {
      for (int round = 0; round < 10; round++) {
        List<Throwable> failures = failures();
        CountDownLatch started = new CountDownLatch(1);
        Thread thread = Support.inThread(() -> {
          started.countDown();
          session.chat(Message.user(words), Support.greedy(1).cancel(cancel));
          session.reset();
        }, failures);
        started.await();
        Thread.sleep(round % 3);
        cancel.cancel();
        thread.join();
        Support.check(failures.isEmpty() || failures.get(0) instanceof LlavaException.Cancelled, failures);
        Support.equal(session.stats().turns(), 0);
        cancel.reset();
      }
      cancel.cancel();
      Support.check(cancel.isCancelled());
      Support.thrown(LlavaException.Cancelled.class, "", () -> session.append(Message.user(words), cancel));
      Support.equal(session.stats().turns(), 0);
      cancel.reset();
      cancel.deadline(Duration.ZERO);
      Support.thrown(
          LlavaException.Timeout.class, "", () -> session.chat(Message.user("hi"), Support.greedy(1).cancel(cancel)));
      cancel.deadline(null);
      Support.check(session.chat(Message.user("hi"), Support.greedy(1).cancel(cancel)).tokens().length == 1);
      Support.thrown(LlavaException.Timeout.class, "",
          () -> session.chat(Message.user("hi"), Support.longAnswer().timeout(Duration.ofMillis(1))));
    }
  }

  static void eventsAreHeardOrPublished() throws Exception {
    try (Session session = Support.scenes().session()) {
      StringBuilder text = new StringBuilder();
      Response answer = session.chatAsync(Message.user("hi"), event -> text.append(event.text()), Support.greedy(5)).get();
      Support.equal(text.toString(), answer.text());
      ArithmeticException mine = new ArithmeticException("on purpose");
      CompletableFuture<Response> failed = session.chatAsync(Message.user("hi"), event -> { throw mine; }, null);
      Support.check(failed.handle((response, error) -> error).get() == mine);
      Support.equal(session.turnCount(), 2);

      session.rewind(0);
      Reader whole = new Reader(Long.MAX_VALUE);
      session.publish(Message.user("hi"), Support.greedy(5)).subscribe(whole);
      Support.equal(whole.ended.get(), text.toString());
      Support.equal(session.turnCount(), 2);
      session.rewind(0);
      Reader slow = new Reader(1); // asks for one after the other
      Reader late = new Reader(1);
      session.publish(Message.user("hi"), Support.greedy(5)).subscribe(slow);
      Support.equal(slow.ended.get(), text.toString());
      try (Stream open = session.stream("hi")) {
        session.publish(Message.user("hi"), null).subscribe(late);
      }
      Support.check(late.ended.handle((said, error) -> error).get() instanceof LlavaException.Busy);
      Reader leaves = new Reader(-3); // cancels after three
      session.publish(Message.user("hi"), Support.longAnswer()).subscribe(leaves);
      Support.check(leaves.ended.get().length() > 0);
      for (int i = 0; i < 1000; i++) { // free soon, and as before
        try {
          session.fork().close();
          break;
        } catch (LlavaException.Busy busy) {
          Thread.sleep(2);
        }
      }
      Support.equal(session.turnCount(), 2);
      Reader wrong = new Reader(0);
      session.publish(Message.user("hi"), null).subscribe(wrong);
      Support.check(wrong.ended.handle((said, error) -> error).get() instanceof IllegalArgumentException);
      session.chat(Message.user("hi"), Support.greedy(1));
    }
  }

  /** Asks for so many events at a time; a negative number: cancels after so many. */
  private static final class Reader implements Flow.Subscriber<Event> {
    final CompletableFuture<String> ended = new CompletableFuture<>();
    private final long number;
    private final StringBuffer text = new StringBuffer();
    private Flow.Subscription subscription;
    private long seen;

    Reader(long number) {
      this.number = number;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
      subscription = given;
      given.request(number < 0 ? Long.MAX_VALUE : number);
    }

    @Override
    public void onNext(Event event) {
      text.append(event.text());
      seen++;
      if (number > 0 && number < Long.MAX_VALUE) subscription.request(1);
      if (seen != -number) return;
      subscription.cancel();
      ended.complete(text + " ");
    }

    @Override
    public void onError(Throwable error) {
      ended.completeExceptionally(error);
    }

    @Override
    public void onComplete() {
      ended.complete(text.toString());
    }
  }

  static void aFutureAnswersFailsOrIsCancelled() throws Exception {
    try (Session session = Support.scenes().session()) {
      CompletableFuture<Response> answer = session.chatAsync(Message.user("hi"), Support.greedy(3));
      Support.equal(answer.thenApply(response -> response.tokens().length).get(), 3);
      CompletableFuture<Response> stopped = session.chatAsync(Message.user("hi"), Support.longAnswer());
      Support.thrown(LlavaException.Busy.class, "", () -> session.chatAsync(Message.user("hi"), null));
      Support.check(stopped.cancel(true));
      Support.thrown(CancellationException.class, "", stopped::get);
      Support.equal(session.stats().turns(), 2); // free again, and as before
      CompletableFuture<Response> late = session.chatAsync(Message.user("hi"), Support.longAnswer())
          .orTimeout(1, java.util.concurrent.TimeUnit.MILLISECONDS);
      Support.check(late.handle((response, error) -> error).get() instanceof java.util.concurrent.TimeoutException, late);
      long begin = System.nanoTime();
      while (true) { // the answer does not go on until its end
        try {
          session.fork().close();
          break;
        } catch (LlavaException.Busy busy) {
          Support.check(System.nanoTime() - begin < 5e9, "late");
        }
      }
      Support.equal(session.stats().turns(), 2);
      List<Response> answers = new ArrayList<>();
      try (Session other = session.fork()) {
        answers.add(other.chatAsync(Message.user("hi"), Support.greedy(5)).join());
        answers.add(session.chatAsync(Message.user("hi"), Support.greedy(5), Runnable::run).join());
      }
      Support.equal(answers.get(0).tokens(), answers.get(1).tokens());
      Throwable failure = session.chatAsync(Message.user("hi"), Support.longAnswer().timeout(Duration.ofMillis(1)))
          .handle((response, error) -> error).join();
      Support.check(failure instanceof LlavaException.Timeout, failure);
      Support.check(Arrays.asList(failure.getStackTrace()).size() > 0);
    }
  }
}
