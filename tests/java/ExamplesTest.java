import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.llava.Json;

/** The programs of examples/java do what they say, and are short. */
final class ExamplesTest {
  private static final String SCENES = Support.SCENES.toString();
  private static final String PICTURES = SCENES + "/examples";
  private static final String DOTTED = PICTURES + "/dotted.png";

  /** What a program prints when it reads that. */
  private static String said(String typed, Support.Action program) throws Exception {
    InputStream in = System.in;
    PrintStream out = System.out;
    ByteArrayOutputStream heard = new ByteArrayOutputStream();
    System.setIn(new ByteArrayInputStream(typed.getBytes(StandardCharsets.UTF_8)));
    System.setOut(new PrintStream(heard, true, StandardCharsets.UTF_8));
    try {
      program.run();
    } finally {
      System.setIn(in);
      System.setOut(out);
    }
    return heard.toString(StandardCharsets.UTF_8);
  }

  static void eachIsUnderTwoScreens() throws Exception {
    try (var files = Files.list(Path.of("examples/java"))) {
      for (Path file : files.toList()) Support.check(Files.readAllLines(file).size() < 70, file);
    }
  }

  static void askAnswers() throws Exception {
    Support.leavesNothing(() -> {
      String said = said("", () -> Ask.main(new String[] {SCENES, DOTTED, Support.QUESTION}));
      Support.check(said.startsWith("four\n  (") && said.lines().count() == 2, said);
    });
  }

  static void chatAnswersAgain() throws Exception {
    String typed = Support.QUESTION + "\n/again\n\n";
    String said = said(typed, () -> Chat.main(new String[] {SCENES, DOTTED}));
    Support.equal(said.split("four", -1).length, 3);
    Support.check(said("x ".repeat(600) + "\n", () -> Chat.main(new String[] {SCENES})).contains("context"), "full");
  }

  static void togetherAnswersAll() throws Exception {
    String said = said("", () -> Together.main(new String[] {SCENES, DOTTED, Support.QUESTION, "Describe the picture."}));
    Support.check(said.startsWith(Support.QUESTION + " four\nDescribe the picture. There"), said);
  }

  static void describeWritesJsonAndNamesWhatIsNoPicture() throws Exception {
    Path folder = Support.folder();
    Files.copy(Support.PICTURE, folder.resolve("a \"quoted\" 猫.png"));
    Files.writeString(folder.resolve("notes.txt"), "no picture");
    Map<?, ?> found =
        (Map<?, ?>) Json.parse(said("", () -> Describe.main(new String[] {SCENES, folder.toString(), Support.QUESTION})).strip());
    Support.equal(((Map<?, ?>) found.get("a \"quoted\" 猫.png")).get("text"), "four");
    Support.check(((Map<?, ?>) found.get("notes.txt")).get("error").toString().contains("picture"), found);
    Support.remove(folder);
  }

  static void searchFindsThePictureItselfFirst() throws Exception {
    String said = said("", () -> Search.main(new String[] {SCENES, PICTURES, DOTTED}));
    Support.check(said.startsWith(" 1.000  dotted.png\n") && said.lines().count() == 3, said);
  }

  static void trainMakesAModelThatAnswers() throws Exception {
    Path folder = Support.folder();
    Object turns = List.of(Map.of("from", "human", "value", "<image>\n" + Support.QUESTION), Map.of("from", "gpt", "value", "four"));
    Path data = Files.writeString(folder.resolve("data.json"),
        Json.write(List.of(Map.of("id", "1", "image", "dotted.png", "conversations", turns))));
    String out = folder.resolve("出 out").toString();
    String said = said("", () -> Train.main(new String[] {SCENES, data.toString(), PICTURES, out, "2"}));
    Support.check(said.startsWith("1 of 1 records") && said.contains("step 2 of 2: loss ") && said.contains(out), said);
    Support.check(said("", () -> Ask.main(new String[] {out, DOTTED, Support.QUESTION})).startsWith("four"));
    Support.remove(folder);
  }
}
