import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.llava.ChatOptions;
import org.llava.Event;
import org.llava.Image;
import org.llava.LlavaException;
import org.llava.Message;
import org.llava.Model;
import org.llava.Response;
import org.llava.Session;
import org.llava.Stream;

/** The conversation behind the window: everything that computes runs on one thread of its own, in order. */
final class Talk implements AutoCloseable {
  /** Who is told; on the talk's thread. */
  interface Listener {
    /** An answer begins. */
    void begin(String question);

    /** More of its text. */
    void text(String piece);

    /** It is there, whole, or as far as it came until it was stopped. */
    void end(Response answer);

    /** There is none; the conversation is as before the question, which may be changed and asked again with its picture. */
    void back(String why, String question, Image picture);

    /** Something else did not work. */
    void failed(String why);

    /** The conversation is another one now: all its turns. */
    void show(List<Message> turns);
  }

  private final Model model;
  private final Listener listener;
  private final ExecutorService work = Executors.newSingleThreadExecutor(run -> {
    Thread thread = new Thread(run, "talk");
    thread.setDaemon(true);
    return thread;
  });
  private Session session;
  private Image picture; // goes with the next question
  private final List<Image> asked = new ArrayList<>(); // pictures of questions, needed to ask again
  private String question;
  private Image questionPicture;
  private boolean answered; // the last two turns are this question and its answer
  private volatile Stream running;

  Talk(Model model, Listener listener) {
    this.model = model;
    this.listener = listener;
    session = model.session();
  }

  private void later(Runnable action) {
    work.execute(() -> {
      try {
        action.run();
      } catch (LlavaException error) {
        listener.failed(error.getMessage());
      }
    });
  }

  /** A picture for the next question. */
  void picture(Image image) {
    later(() -> {
      picture = image;
      asked.add(image);
    });
  }

  void ask(String text) {
    later(() -> {
      question = text;
      questionPicture = picture;
      picture = null;
      answer(new ChatOptions());
    });
  }

  /** Asks the last question again; another seed gives another answer where the model is not sure. */
  void again() {
    later(() -> {
      if (!answered) return;
      session.rewind(session.turnCount() - 2);
      listener.show(session.turns());
      answer(new ChatOptions().temperature(0.7));
    });
  }

  private void answer(ChatOptions options) {
    Message message = questionPicture == null ? Message.user(question) : Message.user(questionPicture, question);
    int before = session.turnCount();
    listener.begin(question);
    answered = false;
    try (Stream stream = session.stream(message, options.keepOnCancel(true))) {
      running = stream;
      for (Event event : stream) if (!event.text().isEmpty()) listener.text(event.text());
      Response response = stream.finish();
      answered = true;
      listener.end(response);
    } catch (LlavaException error) {
      back(before, error.getMessage());
    } catch (IllegalStateException closed) { // discard() closed it
      back(before, "Taken back.");
    } finally {
      running = null;
    }
  }

  /** The conversation as it was; what was asked waits to be asked again, with its picture unless there is a newer one. */
  private void back(int turns, String why) {
    if (session.turnCount() > turns) session.rewind(turns);
    answered = false;
    if (picture == null) picture = questionPicture;
    listener.back(why, question, picture);
  }

  /** Ends the answer here and keeps it. */
  void stop() {
    Stream stream = running;
    if (stream == null) return;
    try {
      stream.cancel();
    } catch (IllegalStateException closed) {
      return; // it has ended meanwhile
    }
  }

  /** Takes the question back, also when its answer is there already. */
  void discard() {
    Stream stream = running;
    if (stream != null) stream.close();
    else later(() -> {
      if (answered) back(session.turnCount() - 2, "Taken back.");
    });
  }

  void save(Path path) {
    later(() -> session.save(path));
  }

  void open(Path path) {
    later(() -> {
      Session opened = model.loadSession(path);
      session.close();
      session = opened;
      answered = false;
      listener.show(session.turns());
    });
  }

  @Override
  public void close() {
    Stream stream = running;
    if (stream != null) stream.close();
    work.execute(() -> {
      session.close();
      asked.forEach(Image::close);
    });
    work.shutdown();
  }
}
