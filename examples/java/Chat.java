// A conversation about pictures in the terminal: java Chat.java MODEL [PICTURE...]. An empty line or Ctrl-D leaves, as Ctrl-C does.
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Scanner;
import org.llava.*;

class Chat {
  private final Session session;
  private final List<Image> pictures;

  Chat(Session session, List<Image> pictures) {
    this.session = session;
    this.pictures = pictures;
  }

  /** Prints the answer as it comes; what fails leaves the session as it was before the question. */
  void ask(String question) {
    List<Image> first = session.turnCount() == 0 ? pictures : List.of(); // they come with the first question
    try (Stream stream = session.stream(Message.user(first, question))) {
      for (String text : stream.texts()) System.out.print(text);
    } catch (LlavaException.ContextFull full) {
      System.out.print(full.getMessage());
    }
    System.out.println();
  }

  void again(String question) {
    session.rewind(session.turnCount() - 2);
    ask(question);
  }

  public static void main(String[] words) {
    List<Image> pictures = Arrays.stream(words).skip(1).map(Path::of).map(Image::of).toList();
    try (Model model = Model.load(Path.of(words[0])); Session session = model.session()) {
      Chat chat = new Chat(session, pictures);
      System.out.println(model + "\nEmpty line: end. /again: another answer.");
      Scanner lines = new Scanner(System.in);
      String question = "";
      for (System.out.print("> "); lines.hasNextLine(); System.out.print("> ")) {
        String line = lines.nextLine().strip();
        if (line.isEmpty()) break;
        if (line.equals("/again") && !question.isEmpty()) chat.again(question);
        else chat.ask(question = line);
      }
    } finally {
      pictures.forEach(Image::close);
    }
  }
}
