// One question about one picture, answered word by word: java Ask.java MODEL PICTURE QUESTION
import java.nio.file.Path;
import org.llava.*;

class Ask {
  public static void main(String[] words) {
    try (Model model = Model.load(Path.of(words[0]));
        Image picture = Image.of(Path.of(words[1]));
        Session session = model.session();
        Stream stream = session.stream(Message.user(picture, words[2]))) {
      for (String text : stream.texts()) System.out.print(text);
      System.out.printf("%n  (%.0f tokens/s)%n", stream.finish().usage().tokensPerSecond());
    }
  }
}
