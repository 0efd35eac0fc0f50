import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.llava.Adapter;
import org.llava.AdapterOptions;
import org.llava.CancelToken;
import org.llava.ChatOptions;
import org.llava.Dataset;
import org.llava.DatasetOptions;
import org.llava.Llava;
import org.llava.LlavaException;
import org.llava.LoadOptions;
import org.llava.Message;
import org.llava.Model;
import org.llava.Image;
import org.llava.SaveOptions;
import org.llava.Status;
import org.llava.TrainEvent;
import org.llava.TrainOptions;
import org.llava.TrainRecord;
import org.llava.Trainer;

/** Loading, plans, checkpoints, training, adapters. */
final class ModelTest {
  static void aModelTellsWhatItIs() {
    Model model = Support.scenes();
    Support.equal(model.limits().vocabulary(), 896);
    Support.equal(model.info().get("family"), "llava-1.5");
    Support.check(model.memory().weightBytes() > 1_000_000 && model.toString().contains("scenes"));
    Support.equal(Llava.plan(Support.SCENES, new LoadOptions().dtype("f32")).get("loadable"), true);
    Support.equal(Llava.buildInfo().get("version"), Llava.version());
    Support.check(Llava.hasFeature("chat") && !Llava.hasFeature("telepathy"));
    Support.equal(Llava.devices().get(0).id(), "cpu");
    Support.check(Llava.deviceMemory("cpu").usedBytes() > 0);
    Llava.trim();
  }

  static void loadingFailsWithWordsAndNumbers() throws Exception {
    LlavaException absent =
        Support.thrown(LlavaException.NotFound.class, "无 🦙", () -> Model.load(Path.of("无 🦙")));
    Support.equal(absent.code(), Status.NOT_FOUND);
    Support.equal(absent.function(), "llava_load");
    Support.thrown(LlavaException.InvalidArgument.class, "abacus",
        () -> Model.load(Support.SCENES, new LoadOptions().device("abacus")));
    Support.thrown(
        LlavaException.InvalidArgument.class, "f64", () -> Model.load(Support.SCENES, new LoadOptions().dtype("f64")));
    Support.thrown(NullPointerException.class, "", () -> Model.load(null));
    try (CancelToken cancel = new CancelToken()) {
      cancel.cancel();
      Support.thrown(
          LlavaException.Cancelled.class, "", () -> Model.load(Support.SCENES, new LoadOptions().cancel(cancel)));
    }
    for (Status status : Status.values()) {
      Support.check(status.number() == status.ordinal() || status == Status.INTERNAL, status);
    }
  }

  static void theLogIsPulled() {
    Llava.drainLog();
    Llava.setLogLevel(Llava.LogLevel.DEBUG);
    try (Model model = Model.load(Support.TINY)) {
      model.ask(Message.user("hi"), Support.greedy(1));
    } finally {
      Llava.setLogLevel(Llava.LogLevel.OFF);
    }
    for (Map<String, Object> line : Llava.drainLog()) Support.check(line.containsKey("message"), line);
  }

  static void checkpointsAreSavedAndConverted() throws Exception {
    Path folder = Support.folder();
    try {
      Support.tiny().save(folder.resolve("saved 🦙"), new SaveOptions().layout("original"));
      Llava.convert(Support.TINY, folder.resolve("converted"), new SaveOptions().layout("hf").dtype("f32"));
      int[] expected = Support.tiny().ask(Message.user("hi"), Support.greedy(8)).tokens();
      for (String name : List.of("saved 🦙", "converted")) {
        try (Model copy = Model.load(folder.resolve(name), new LoadOptions().template("llava_v1"))) {
          Support.equal(copy.ask(Message.user("hi"), Support.greedy(8)).tokens(), expected);
        }
      }
      Support.thrown(LlavaException.InvalidArgument.class, "",
          () -> Llava.convert(Support.TINY, folder.resolve("converted"), null));
    } finally {
      Support.remove(folder);
    }
  }

  static void filesOfAModelThatIsNotMappedMayChange() throws Exception {
    Path folder = Support.folder();
    try (var files = Files.list(Support.TINY)) {
      for (Path file : files.toList()) Files.copy(file, folder.resolve(file.getFileName()));
    }
    try (Model read = Model.load(folder, new LoadOptions().noMmap(true)); Model mapped = Model.load(folder)) {
      Files.writeString(folder.resolve("model.safetensors"), "more", StandardOpenOption.APPEND);
      int[] expected = Support.tiny().ask(Message.user("hi"), Support.greedy(8)).tokens();
      Support.equal(read.ask(Message.user("hi"), Support.greedy(8)).tokens(), expected);
      Support.thrown(LlavaException.Io.class, "model.safetensors", () -> mapped.ask(Message.user("hi"), Support.greedy(8)));
    } finally {
      Support.remove(folder);
    }
  }

  /** Three records about the pictures of the demo. */
  private static Path records(Path folder) throws Exception {
    List<Object> records = new ArrayList<>();
    for (String name : List.of("dotted", "striped", "checked")) {
      records.add(Map.of("id", name, "image", name + ".png", "conversations",
          List.of(Map.of("from", "human", "value", "<image>\nWhat is the ground?"), Map.of("from", "gpt", "value", name + " 🙂"))));
    }
    return Files.writeString(folder.resolve("記録.json"), org.llava.Json.write(records));
  }

  private static TrainOptions tenSteps(Path folder, String out) throws Exception {
    return new TrainOptions().stage(2).preset("custom").data(records(folder)).imageRoot(Support.SCENES.resolve("examples"))
        .outDir(folder.resolve(out)).steps(10).batch(2).lr(1e-3);
  }

  static void recordsAreReadOneByOne() throws Exception {
    Path folder = Support.folder();
    try {
      Path list = records(folder);
      try (var records = new Dataset(list).records()) {
        List<TrainRecord> all = records.toList();
        Support.equal(all.stream().map(TrainRecord::id).toList(), List.of("dotted", "striped", "checked"));
        Support.equal(all.get(2).images(), List.of("checked.png"));
        Support.equal(all.get(0).turns().get(1), new TrainRecord.Turn("gpt", "dotted 🙂"));
        String lines = all.stream().map(each -> org.llava.Json.write(each.fields())).collect(java.util.stream.Collectors.joining("\n"));
        try (var again = new Dataset(Files.writeString(folder.resolve("lines.jsonl"), lines + "\n")).records()) {
          Support.equal(again.toList(), all);
        }
      }
      Map<String, String> wrong = Map.of("[{}, ]", "record 2, character 6: expected '{'", "[{\"a\": \"}", "record 1, character 10: expected '}'",
          "[{}] x", "expected the end", "[{} {}]", "expected ',' or ']'", "7", "record 1, character 1: expected '{'", "{\"a\" 1}", "");
      for (Map.Entry<String, String> each : wrong.entrySet()) {
        Path file = Files.writeString(folder.resolve("wrong.json"), each.getKey());
        Support.thrown(LlavaException.Format.class, each.getValue(), () -> {
          try (var records = new Dataset(file).records()) {
            records.toList();
          }
        });
      }
      for (String none : List.of("", "[]", " [ ]\n")) {
        try (var records = new Dataset(Files.writeString(folder.resolve("none.json"), none)).records()) {
          Support.equal(records.count(), 0L);
        }
      }
      Support.thrown(java.io.UncheckedIOException.class, "nowhere", () -> new Dataset(Path.of("nowhere.json")).records());
    } finally {
      Support.remove(folder);
    }
  }

  static void tenStepsWithLiveEvents() throws Exception {
    Path folder = Support.folder();
    try {
      TrainOptions options = tenSteps(folder, "学習");
      Support.equal(new Dataset(records(folder))
                        .check(Support.SCENES, new DatasetOptions().imageRoot(Support.SCENES.resolve("examples"))).get("usable"),
          3L);
      Support.equal(Trainer.plan(Support.SCENES, options).get("steps"), 10L);
      List<Double> losses = new ArrayList<>();
      List<Boolean> live = new ArrayList<>();
      try (Trainer trainer = new Trainer(Support.SCENES, options)) {
        Support.equal(trainer.metrics().step(), 0L);
        CompletableFuture<Map<String, Object>> report = trainer.start();
        for (TrainEvent event : trainer.events(report)) {
          if (!event.kind().equals("step")) continue;
          losses.add(event.number("loss"));
          live.add(!report.isDone());
        }
        Support.equal(report.join().get("step"), 10L);
        Support.check(trainer.metrics().finished() && trainer.metrics().lr() >= 0);
        Support.check(trainer.run(1)); // through
      }
      Support.equal(losses.size(), 10);
      Support.check(live.contains(true), "events came while the run was going on");
      Support.check(losses.get(9) < losses.get(0), losses);
      try (Model trained = Model.load(folder.resolve("学習")); Image image = Support.picture()) {
        Support.check(trained.ask(image, "What is the ground?").tokens().length > 0);
      }
    } finally {
      Support.remove(folder);
    }
  }

  static void whatIsLeftEarlyIsSaved() throws Exception {
    Path folder = Support.folder();
    Path saved = folder.resolve("out/checkpoints");
    try {
      TrainOptions options = tenSteps(folder, "out").steps(1000);
      new Trainer(Support.SCENES, options).close(); // no step, nothing to save
      Support.check(Files.notExists(saved) || saved.toFile().list().length == 0, saved);
      try (Trainer trainer = new Trainer(Support.SCENES, options)) {
        while (!trainer.run(1)) if (trainer.metrics().step() == 2) break;
      }
      Support.equal(saved.toFile().list(), new String[] {"step-00000002"});
      Support.thrown(ArithmeticException.class, "on purpose", () -> {
        try (Trainer trainer = new Trainer(Support.SCENES, options)) {
          Support.equal(trainer.metrics().step(), 2L);
          trainer.run(1);
          throw new ArithmeticException("on purpose");
        }
      });
      Support.check(Files.exists(saved.resolve("step-00000003")), saved);
      try (CancelToken cancel = new CancelToken()) {
        Support.thrown(LlavaException.Cancelled.class, "", () -> {
          try (Trainer trainer = new Trainer(Support.SCENES, options.cancel(cancel))) {
            trainer.run(1);
            cancel.cancel();
            trainer.run(1);
          }
        });
      }
      Support.check(Files.notExists(saved.resolve("step-00000004")), saved); // the library failed
      Trainer lost = new Trainer(Support.SCENES, options.cancel(null));
      lost.run(1);
      Support.remove(folder.resolve("out"));
      Files.writeString(folder.resolve("out"), "a file where the folder was");
      Support.thrown(LlavaException.class, "out", lost::close);
      Support.check(lost.isClosed());
    } finally {
      Support.remove(folder);
    }
  }

  static void aFutureOfARunEndsWithTheRun() throws Exception {
    Path folder = Support.folder();
    try {
      TrainOptions options = tenSteps(folder, "out").steps(100000);
      Trainer closed = new Trainer(Support.SCENES, options);
      CompletableFuture<Map<String, Object>> report = closed.start();
      closed.close();
      Support.check((Long) report.join().get("step") < 100000, report); // stopped, saved, told
      Support.equal(Trainer.status(folder.resolve("out")).get("state"), "stopped");
      Support.thrown(IllegalStateException.class, "closed", closed::start);
      try (Trainer trainer = new Trainer(Support.SCENES, options)) {
        for (int way = 0; way < 2; way++) {
          long before = trainer.metrics().step();
          CompletableFuture<Map<String, Object>> running = trainer.start();
          while (trainer.metrics().step() == before) Thread.sleep(1);
          if (way == 0) running.cancel(true);
          else Support.check(running.orTimeout(1, java.util.concurrent.TimeUnit.MILLISECONDS).handle((told, error) -> error).get() != null);
          for (int i = 0; i < 1000; i++) { // the run hears of it
            try {
              trainer.evaluate();
            } catch (LlavaException.Busy busy) {
              Thread.sleep(5);
              continue;
            } catch (LlavaException.State noEvalData) {
              break;
            }
          }
          trainer.save(); // nobody works with it any longer
        }
      }
    } finally {
      Support.remove(folder);
    }
  }

  static void severalProcessesTellTheirStepsAndAreEndedAtOnce() throws Exception {
    Path folder = Support.folder();
    Path saved = folder.resolve("out/checkpoints");
    List<Long> steps = new ArrayList<>();
    Thread caller = Thread.currentThread();
    try (CancelToken abandon = new CancelToken()) {
      TrainOptions options = tenSteps(folder, "out").steps(100000).microBatch(1).nproc(2).abandon(abandon)
                                 .rankProgram(Path.of("build/libexec/llava/llava-rank"));
      Support.thrown(LlavaException.Cancelled.class, "ended at once", () -> Trainer.launch(Support.SCENES, options, event -> {
        Support.check(Thread.currentThread() == caller);
        if (event.kind().equals("step")) steps.add((long) event.number("step"));
        if (steps.size() == 3) abandon.cancel();
        return true;
      }));
      Support.equal(steps.subList(0, 3), List.of(1L, 2L, 3L));
      Support.check(Files.notExists(saved) || saved.toFile().list().length == 0, saved);
    } finally {
      Support.remove(folder);
    }
  }

  static void longCallsTellHowFarTheyAre() throws Exception {
    Path folder = Support.folder();
    try {
      List<String> phases = new ArrayList<>();
      LoadOptions options = new LoadOptions().progress(told -> phases.add(told.phase()));
      try (Model model = Model.load(Support.TINY, options)) {
        Support.equal(phases.stream().distinct().toList(), List.of("weights", "warm-up"));
        model.save(folder.resolve("saved"), new SaveOptions().progress(told -> phases.add(told.phase() + (told.total() > 0))));
        Support.check(phases.contains("savetrue"), phases);
      }
      ArithmeticException mine = new ArithmeticException("on purpose");
      Support.check(Support.thrown(ArithmeticException.class, "on purpose",
          () -> Model.load(Support.TINY, new LoadOptions().progress(told -> { throw mine; }))) == mine);
      Support.check(Support.thrown(ArithmeticException.class, "on purpose",
          () -> Support.scenes().trainStage(tenSteps(folder, "thrown"), event -> { throw mine; })) == mine);
      Support.thrown(LlavaException.Cancelled.class, "", () -> Support.scenes().trainStage(tenSteps(folder, "stopped"), event -> false));
      Support.leavesNothing(() -> Trainer.plan(Support.SCENES, tenSteps(folder, "planned"), event -> event.kind().equals("progress")));
    } finally {
      Support.remove(folder);
    }
  }

  static void aRunIsHeldStoppedAndGoesOn() throws Exception {
    Path folder = Support.folder();
    try {
      TrainOptions options = tenSteps(folder, "out");
      try (Trainer trainer = new Trainer(Support.SCENES, options)) {
        Support.check(!trainer.run(2));
        trainer.pause(true);
        trainer.pause(false);
        trainer.requestStop();
        Support.check(!trainer.run(5));
        trainer.save();
        Support.check(trainer.metrics().step() < 10);
      }
      Trainer left = new Trainer(Support.SCENES, options);
      CompletableFuture<Map<String, Object>> running = left.start();
      Support.thrown(ArithmeticException.class, "on purpose", () -> {
        try (left) {
          for (TrainEvent event : left.events(running)) throw new ArithmeticException("on purpose");
        }
      });
      running.handle((report, error) -> 0).join();
      try (Trainer last = new Trainer(Support.SCENES, options)) {
        Support.check(last.run(100));
      }
      Support.thrown(LlavaException.NotFound.class, "nowhere",
          () -> new Trainer(Support.SCENES, tenSteps(folder, "x").data(Path.of("nowhere.json"))));
      Support.thrown(LlavaException.InvalidArgument.class, "stage", () -> new Trainer(Support.SCENES, tenSteps(folder, "x").stage(7)));
    } finally {
      Support.remove(folder);
    }
  }

  /** The command, which is C++, says the same with the same adapter. */
  static void aLoraAnswersAsItDoesForTheCommand() throws Exception {
    Path golden = Path.of("tests/checkpoints/golden");
    Path base = golden.resolve("hf_rows");
    Path lora = golden.resolve("lora_later");
    try (Model model = Model.load(base, new LoadOptions().template("plain"));
        Image picture = Support.picture();
        Adapter adapter = model.loadAdapter(lora, new AdapterOptions().name("絵"))) {
      Message question = Message.user(picture, "hi");
      List<Object> plain = ofCommand(base.toString());
      List<Object> changed = ofCommand(base.toString(), "--adapter", lora.toString());
      Support.check(!plain.equals(changed), changed);
      Support.equal(ids(model, question, Support.greedy(8)), plain);
      Support.equal(ids(model, question, Support.greedy(8).adapter("絵")), changed);
      model.attach(adapter, 1);
      Support.equal(ids(model, question, Support.greedy(8)), changed);
    }
  }

  private static List<Object> ids(Model model, Message question, ChatOptions options) {
    return java.util.Arrays.stream(model.ask(question, options).tokens()).<Object>mapToObj(id -> (long) id).toList();
  }

  private static List<Object> ofCommand(String... model) throws Exception {
    List<String> words = new ArrayList<>(List.of("build/bin/llava", "chat"));
    words.addAll(List.of(model));
    words.addAll(List.of("--template", "plain", "--image", Support.PICTURE.toString(), "--prompt", "hi", "--temperature", "0",
        "--max-tokens", "8", "--json"));
    Process process = new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    String said = new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    Support.equal(process.waitFor(), 0);
    return List.copyOf((List<?>) ((Map<?, ?>) org.llava.Json.parse(said.strip())).get("token_ids"));
  }

  static void aLoraIsTrainedChosenAttachedAndMerged() throws Exception {
    Path folder = Support.folder();
    try {
      Support.scenes().trainStage(tenSteps(folder, "lora").preset("llava-1.5-lora").loraRank(4).loraAlpha(64).lr(1e-2));
      Message question = Message.user("hi");
      try (Model model = Model.load(Support.SCENES);
          Adapter adapter = model.loadAdapter(folder.resolve("lora"), new AdapterOptions().name("絵"))) {
        int[] plain = model.ask(question, Support.greedy(12)).tokens();
        Support.equal(adapter.name(), "絵");
        int[] changed = model.ask(question, Support.greedy(12).adapter("絵")).tokens();
        Support.equal(model.ask(question, Support.greedy(12)).tokens(), plain);
        model.attach(adapter, 1);
        Support.equal(model.ask(question, Support.greedy(12)).tokens(), changed);
        Support.equal(model.ask(question, Support.greedy(12).adapter("")).tokens(), plain);
        Support.thrown(LlavaException.State.class, "", () -> model.attach(adapter, 1));
        model.detach();
        Support.thrown(LlavaException.State.class, "", model::detach);
        Support.thrown(LlavaException.InvalidArgument.class, "", () -> model.attach(adapter, Double.NaN));
        Support.equal(model.ask(question, Support.greedy(12).adapter("絵").adapterScale(0)).tokens(), plain);
        model.mergeAdapter(adapter, 1, folder.resolve("merged"), new SaveOptions().dtype("f32"));
        try (Model merged = Model.load(folder.resolve("merged"))) {
          Support.equal(merged.ask(question, Support.greedy(12)).tokens(), changed);
        }
      }
    } finally {
      Support.remove(folder);
    }
  }
}
