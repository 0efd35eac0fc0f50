import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.nio.file.Path;
import org.llava.ChatOptions;
import org.llava.Decoder;
import org.llava.Embedding;
import org.llava.Event;
import org.llava.Image;
import org.llava.Json;
import org.llava.Llava;
import org.llava.LlavaException;
import org.llava.Message;
import org.llava.Model;
import org.llava.Response;
import org.llava.Response.FinishReason;
import org.llava.Session;
import org.llava.SessionOptions;
import org.llava.Stream;
import org.llava.TemplateOptions;
import org.llava.Tensor;
import org.llava.EncodeOptions;
import org.llava.ForwardOptions;

/** Answers, dialogues, tokens, numbers. */
final class ChatTest {
  static void anAnswerIsTheSameInOneAndInPieces() {
    try (Image image = Support.picture(); Session session = Support.scenes().session()) {
      Response whole = session.chat(Message.user(image, Support.QUESTION), Support.greedy(64));
      Support.equal(whole.text(), "four");
      Support.equal(whole.finishReason(), FinishReason.STOP);
      Support.equal(whole.usage().imageTokens(), 9L);
      Support.check(whole.seed() >= 0 && whole.toString().equals("four"));
      Support.equal(((Map<?, ?>) Json.parse(whole.toJson())).keySet().contains("choices"), true);
      session.reset();
      try (Stream stream = session.stream(Message.user(image, Support.QUESTION), Support.greedy(64))) {
        StringBuilder text = new StringBuilder();
        List<Event.Type> types = new ArrayList<>();
        for (Event event : stream) {
          text.append(event);
          types.add(event.type());
        }
        Support.equal(text.toString(), "four");
        Support.equal(types, List.of(Event.Type.IMAGE_ENCODED, Event.Type.PREFILL, Event.Type.TEXT, Event.Type.TOKEN, Event.Type.DONE));
        Support.check(stream.isEnded() && stream.pull() == null && !stream.hasNext());
        Support.thrown(NoSuchElementException.class, "ended", stream::next);
        Support.equal(stream.finish().tokens(), whole.tokens());
        Support.check(stream.finish() == stream.finish());
      }
    }
  }

  static void piecesOfTextAndPollsMakeTheSameAnswer() {
    try (Image image = Support.picture()) {
      Message question = Message.user(image, "Describe the picture.");
      String expected = Support.scenes().ask(question, Support.greedy(64)).text();
      try (Session session = Support.scenes().session()) {
        try (Stream stream = session.stream(question, Support.greedy(64))) {
          Support.equal(String.join("", stream.texts()), expected);
        }
        session.reset();
        try (Stream stream = session.stream(question, Support.greedy(64))) {
          StringBuilder text = new StringBuilder();
          while (!stream.isEnded()) {
            Optional<Event> event = stream.poll(Duration.ZERO);
            event.ifPresent(text::append);
          }
          Support.equal(text.toString(), expected);
        }
      }
    }
  }

  static void optionsReachTheLibrary() {
    Model model = Support.scenes();
    Message hi = Message.user("hi");
    Support.equal(model.ask(hi, Support.greedy(5).ignoreEos(true)).finishReason(), FinishReason.LENGTH);
    int[] sampled = model.ask(hi, new ChatOptions().temperature(1.5).seed(7).maxTokens(20)).tokens();
    Support.equal(model.ask(hi, new ChatOptions().temperature(1.5).seed(7).maxTokens(20)).tokens(), sampled);
    Response likely = model.ask(hi, Support.greedy(2).logprobs(3));
    Support.equal(((List<?>) ((Map<?, ?>) likely.logprobs().get(0)).get("top")).size(), 3);
    int first = likely.tokens()[0];
    Support.check(model.ask(hi, Support.greedy(1).badIds(first)).tokens()[0] != first);
    Support.equal(model.ask(hi, Support.greedy(1).logitBias(Map.of(77, 1000))).tokens(), new int[] {77});
    Support.equal(model.ask(hi, Support.greedy(9).stopIds(first)).tokens(), new int[] {first});
    try (Image image = Support.picture()) {
      Response stopped =
          model.ask(Message.user(image, "Describe the picture."), Support.greedy(64).stop(" shapes").includeStop(true));
      Support.check(stopped.text().endsWith(" shapes") && stopped.finishReason() == FinishReason.STOP_STRING, stopped);
    }
    Support.equal(new ChatOptions().topK(3).set("top_k", null).toString(), "ChatOptions{}");
    Support.thrown(LlavaException.InvalidArgument.class, "temprature", () -> model.ask(hi, new ChatOptions().set("temprature", 1)));
    Support.thrown(LlavaException.InvalidArgument.class, "top_p", () -> model.ask(hi, new ChatOptions().topP(7)));
    Support.thrown(LlavaException.InvalidArgument.class, "NaN", () -> model.ask(hi, new ChatOptions().temperature(Double.NaN)));
    Support.thrown(LlavaException.NotFound.class, "no such", () -> model.ask(hi, Support.greedy(1).adapter("no such")));
  }

  static void aCancelledAnswerMayBeKept() {
    try (Session session = Support.scenes().session();
        Stream stream = session.stream(Message.user("hi"), Support.longAnswer().keepOnCancel(true))) {
      int tokens = 0;
      while (tokens < 3) tokens += Support.tokens(stream.next());
      stream.cancel();
      Response kept = stream.finish();
      Support.equal(kept.finishReason(), FinishReason.CANCELLED);
      Support.equal(kept.tokens().length, 3);
      Support.equal(session.turnCount(), 2);
      stream.cancel(); // no effect
    }
  }

  static void dialoguesAreForkedRewoundSavedAndMoved() throws Exception {
    Path folder = Support.folder();
    Path file = folder.resolve("Gespräch 💬 対話");
    try (Image image = Support.picture(); Session session = Support.scenes().session()) {
      session.chat(image, Support.QUESTION);
      session.chat(Message.user("Describe the picture. 🔴 絵"), Support.greedy(8));
      Support.equal(session.turns().size(), 4);
      Support.equal(session.turn(2).text(), "Describe the picture. 🔴 絵");
      Support.equal(session.turn(1).role(), Message.Role.ASSISTANT);
      Support.equal(session.turn(0).parts().get(0).hash(), image.info().sha256());
      session.save(file);
      try (Session fork = session.fork(); Session loaded = Support.scenes().loadSession(file)) {
        session.rewind(2);
        Support.equal(session.turnCount(), 2);
        Support.equal(fork.turnCount(), 4);
        Response next = fork.chat(Message.user("Is there a cross?"), Support.greedy(8));
        Support.equal(loaded.chat(Message.user("Is there a cross?"), Support.greedy(8)).text(), next.text());
      }
      Support.thrown(LlavaException.InvalidArgument.class, "", () -> session.rewind(99));
      Support.thrown(LlavaException.Unsupported.class, "hash", () -> session.chat(session.turn(0), null));
      String words = "[{\"role\":\"user\",\"content\":\"Grüße 🐈‍⬛\"},{\"role\":\"assistant\",\"content\":\"猫\"}]";
      try (Session moved = Support.scenes().sessionFromJson(words, null)) {
        Support.equal(moved.turn(0).text(), "Grüße 🐈‍⬛");
        Support.check(moved.historyJson().contains("猫"));
      }
      session.append(Message.user("Is there a cross?"));
      Support.check(session.chat((Message) null, Support.greedy(4)).tokens().length > 0);
    } finally {
      Support.remove(folder);
    }
    try (Session brief = Support.scenes().session(new SessionOptions().maxContext(64).system(""))) {
      Support.equal(brief.stats().limit(), 64L);
      LlavaException full = Support.thrown(LlavaException.ContextFull.class, "", () -> brief.chat("hi ".repeat(300)));
      Support.check(((Number) full.details().get("needed")).longValue() > 64, full.details());
      Support.equal(full.details().get("limit"), 64L);
    }
    Support.thrown(LlavaException.NotFound.class, "no such",
        () -> Support.scenes().session(new SessionOptions().template("no such")));
  }

  static void emojiAndCjkSurviveEverywhere() {
    Model model = Support.scenes();
    for (String text : List.of("🙂", "👨‍👩‍👧", "絵を見て", "a\u0000b", "\ud83e\udd99", "")) {
      Support.equal(model.detokenize(model.tokenize(text, false), false), text);
    }
    Support.thrown(LlavaException.InvalidArgument.class, "at 2", () -> model.ask("hi\ud800"));
    Support.thrown(LlavaException.InvalidArgument.class, "NUL at 1", () -> Llava.hasFeature("a\0b"));
    int[] ids = model.tokenize("🙂", false);
    try (Decoder decoder = new Decoder(model, false)) {
      StringBuilder text = new StringBuilder();
      for (int id : ids) text.append(decoder.push(id));
      Support.equal(text + decoder.flush(), "🙂");
      Support.thrown(LlavaException.State.class, "", () -> decoder.push(1));
    }
    Map<Integer, Number> biases = new java.util.LinkedHashMap<>();
    for (int i = 1; i <= 4; i++) biases.put(ids[ids.length - 5 + i], 5000 - 1000 * i);
    Response said = model.ask(Message.user("hi"), Support.greedy(4).repetitionPenalty(100).logitBias(biases));
    Support.equal(said.text(), "🙂");
    Message read = Message.fromJson("{\"role\":\"user\",\"content\":\"🐈‍⬛ 猫\"}");
    Support.equal(Message.fromJson(read.toJson()).text(), "🐈‍⬛ 猫");
  }

  static void tokensAndTemplates() {
    Model model = Support.scenes();
    Support.equal(model.specialToken(Model.SpecialToken.EOS).getAsInt(), 2);
    Support.equal(model.tokenize("hi", true)[0], model.specialToken(Model.SpecialToken.BOS).getAsInt());
    Support.check(model.tokenText(2).equals("</s>") && Llava.templateNames().contains("llava_v1"));
    Support.thrown(LlavaException.InvalidArgument.class, "", () -> model.tokenText(999999));
    try (Image image = Support.picture()) {
      List<Message> messages = List.of(Message.user(image, "What?"));
      int[] ids = model.promptIds(messages, null);
      Support.equal(java.util.Arrays.stream(ids).filter(id -> id == Model.IMAGE_TOKEN).count(), 1L);
      Support.equal(model.countTokens(messages), ids.length - 1 + model.imageTokens(image));
      Support.check(model.applyTemplate(messages, new TemplateOptions().template("llava_v1").system("S")).startsWith("S"));
      Support.thrown(LlavaException.InvalidArgument.class, "", () -> model.countTokens(List.of()));
    }
  }

  static void numbersComeAndGoByDirectBuffers() throws Exception {
    Model model = Support.scenes();
    Path folder = Support.folder();
    try (Image image = Support.picture(); Image other = Image.of(Support.STRIPED)) {
      Support.equal(model.preprocess(image, null).shape(), new long[] {3, 84, 84});
      try (Embedding rows = model.encode(image)) {
        Tensor numbers = rows.tensor();
        Support.equal(numbers.shape(), new long[] {9, 160});
        Support.check(numbers.buffer().isDirect() && numbers.floats().remaining() == 1440);
        String expected = model.ask(Message.user(rows, Support.QUESTION), Support.greedy(8)).text();
        try (Embedding copy = model.embedding(Tensor.of(numbers.toArray(), 9, 160))) {
          Support.equal(model.ask(Message.user(copy, Support.QUESTION), Support.greedy(8)).text(), expected);
        }
        rows.save(folder.resolve("絵.safetensors"));
        try (Embedding read = model.loadEmbedding(folder.resolve("絵.safetensors"))) {
          Support.equal(read.tensor().toArray(), numbers.toArray());
          Support.equal(read.info(), rows.info());
        }
        Support.thrown(LlavaException.InvalidArgument.class, "", () -> model.embedding(Tensor.of(new float[6], 2, 3)));
        Support.thrown(LlavaException.InvalidArgument.class, "expected 24", () -> Tensor.of(new float[5], 2, 3));
        int[] ids = {1, Model.IMAGE_TOKEN, 5};
        Tensor logits = model.forward(ids, List.of(rows), null);
        Support.equal(logits.shape(), new long[] {11, 896});
        Tensor hidden = model.forward(ids, List.of(rows), new ForwardOptions().hidden(true).lastOnly(true));
        Support.equal(hidden.shape(), new long[] {1, 160});
        Support.thrown(LlavaException.InvalidArgument.class, "", () -> model.forward(ids, List.of(), null));
      }
      List<Embedding> both = model.encode(List.of(image, other), new EncodeOptions().features(true).layer(-1));
      Support.equal(both.get(1).info().width(), 128);
      Support.check(!both.get(0).info().projected());
      both.forEach(Embedding::close);
      Support.thrown(LlavaException.InvalidArgument.class, "", () -> model.encode(List.of(), null));
    } finally {
      Support.remove(folder);
    }
  }
}
