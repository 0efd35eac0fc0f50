import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.llava.Adapter;
import org.llava.AdapterOptions;
import org.llava.CancelToken;
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
