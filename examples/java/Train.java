// Own pictures and records to a model: java Train.java MODEL DATA PICTURES OUT [STEPS]
// Ctrl-C ends it at once; the same command goes on from the last snapshot: here one is written every 50 steps, and at the end.
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.llava.*;

class Train {
  public static void main(String[] words) {
    Path base = Path.of(words[0]);
    Path data = Path.of(words[1]);
    Map<String, Object> checked =
        new Dataset(data).check(base, new DatasetOptions().imageRoot(Path.of(words[2])));
    System.out.println(checked.get("usable") + " of " + checked.get("records") + " records can be used");
    TrainOptions options = new TrainOptions().stage(2).data(data).imageRoot(Path.of(words[2])).outDir(Path.of(words[3]))
                               .batch(2).lr(1e-4).saveEvery(50);
    if (words.length > 4) options.steps(Long.parseLong(words[4]));

    try (Trainer trainer = new Trainer(base, options)) {
      CompletableFuture<Map<String, Object>> report = trainer.start();
      for (TrainEvent event : trainer.events(report)) {
        if (!event.kind().equals("step")) continue;
        System.out.printf("step %.0f of %.0f: loss %.4f, %.0f s to go%n", event.number("step"), event.number("steps"),
            event.number("loss"), event.number("eta_seconds"));
      }
      System.out.println("the model lies in " + report.join().get("out"));
    }
  }
}
