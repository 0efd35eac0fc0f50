// Several answers at once about one picture, each in a session of its own: java Together.java MODEL PICTURE QUESTION...
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.llava.*;

class Together {
  public static void main(String[] words) {
    List<String> questions = Arrays.asList(words).subList(2, words.length);
    Map<String, CompletableFuture<String>> answers = new LinkedHashMap<>();
    try (Model model = Model.load(Path.of(words[0])); Image picture = Image.of(Path.of(words[1]));
        Embedding encoded = model.encode(picture)) { // once, for all
      for (String question : questions) {
        Session session = model.session();
        CompletableFuture<Response> answer =
            session.chatAsync(Message.user(encoded, question), new ChatOptions().temperature(0));
        answers.put(question, answer.whenComplete((response, error) -> session.close()).thenApply(Response::text));
      }
      answers.forEach((question, answer) -> System.out.println(question + " " + answer.join()));
    }
  }
}
