// Asks every picture of a folder the same question; one JSON object: java Describe.java MODEL FOLDER QUESTION
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llava.*;

class Describe {
  static Object describe(Model model, Path path, String question) {
    try (Image image = Image.of(path)) {
      Response answer = model.ask(Message.user(image, question), new ChatOptions().temperature(0));
      return Map.of("text", answer.text(), "size", List.of(image.width(), image.height()));
    } catch (LlavaException.Format | LlavaException.Unsupported | LlavaException.Limit error) {
      return Map.of("error", error.getMessage()); // no picture, or one that cannot be used: the others go on
    }
  }

  public static void main(String[] words) throws IOException {
    Map<String, Object> found = new LinkedHashMap<>();
    try (Model model = Model.load(Path.of(words[0])); var files = Files.list(Path.of(words[1]))) {
      for (Path path : files.filter(Files::isRegularFile).sorted().toList()) {
        found.put(path.getFileName().toString(), describe(model, path, words[2]));
      }
    }
    System.out.println(Json.write(found));
  }
}
