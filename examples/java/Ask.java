// Questions about one picture, answered word by word: java Ask.java MODEL PICTURE QUESTION...
import java.nio.file.Path;
import org.llava.*;

class Ask {
  public static void main(String[] words) {
    try (Model model = Model.load(Path.of(words[0])); Session session = model.session();
        Image picture = Image.of(Path.of(words[1]))) {
      for (int i = 2; i < words.length; i++) { // the picture comes with the first question
        Message question = i == 2 ? Message.user(picture, words[i]) : Message.user(words[i]);
        try (Stream stream = session.stream(question)) {
          for (String text : stream.texts()) System.out.print(text);
          System.out.printf("%n  (%.0f tokens/s)%n", stream.finish().usage().tokensPerSecond());
        }
      }
    }
  }
}
