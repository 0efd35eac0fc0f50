package org.llava;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.Predicate;

/** Vision tower, projector, language model, tokenizer and templates, ready to use by any number of threads at once. */
public final class Model extends NativeObject {
  /** In a list of token ids: the place of the next embedding. */
  public static final int IMAGE_TOKEN = NativeConstants.LLAVA_IMAGE_TOKEN;

  /** Kinds of special tokens. */
  public enum SpecialToken {
    BOS,
    EOS,
    UNK,
    PAD,
    IMAGE
  }

  private Model(long handle) {
    super(handle, Native::llava_model_free);
  }

  /** Loads a checkpoint's folder, as it was published. Keep its files unchanged while the model lives. */
  public static Model load(Path path) {
    return load(path, null);
  }

  /** The same with options; null for defaults. */
  public static Model load(Path path, LoadOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_load_options> filled = LoadOptions.fill(options, use)) {
      filled.during(() -> Native.llava_load(path.toString(), filled.struct, out));
    }
    return new Model(out[0]);
  }

  /** All that is known about the model: path, family, layout, sizes, template and why, sampling, adapters. */
  public Map<String, Object> info() {
    byte[][] out = new byte[1][];
    try (Use use = new Use()) {
      Native.llava_model_info_json(use.of(this), out);
    }
    return Json.object(Text.string(out[0]));
  }

  /** What it can take. */
  public Limits limits() {
    llava_limits limits = new llava_limits();
    try (Use use = new Use()) {
      Native.llava_model_limits(use.of(this), limits);
      return Limits.of(limits);
    } finally {
      limits.delete();
    }
  }

  /** What it takes up. */
  public ModelMemory memory() {
    llava_model_usage usage = new llava_model_usage();
    try (Use use = new Use()) {
      Native.llava_model_memory(use.of(this), usage);
      return new ModelMemory(usage.getDevice(), usage.getWeight_bytes(), usage.getCache_bytes_per_token());
    } finally {
      usage.delete();
    }
  }

  /** Starts a dialogue. */
  public Session session() {
    return session(null);
  }

  /** Starts a dialogue; null for default options. */
  public Session session(SessionOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_session_options> filled = SessionOptions.fill(options, use)) {
      Native.llava_session_create(use.of(this), filled.struct, out);
    }
    return new Session(out[0]);
  }

  /**
   * Starts a session with a dialogue from elsewhere.
   *
   * @param json  a list of messages in OpenAI's shape, pictures as data URIs
   * @param options  null for defaults
   */
  public Session sessionFromJson(String json, SessionOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_session_options> filled = SessionOptions.fill(options, use)) {
      Native.llava_session_from_json(use.of(this), Objects.requireNonNull(json, "json"), filled.struct, out);
    }
    return new Session(out[0]);
  }

  /** Opens what {@link Session#save} wrote. */
  public Session loadSession(Path path) {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_session_load(use.of(this), path.toString(), out);
    }
    return new Session(out[0]);
  }

  /** One question, without a session to keep. */
  public Response ask(String text) {
    return ask(Message.user(text), null);
  }

  /** One question about a picture. */
  public Response ask(Picture picture, String text) {
    return ask(Message.user(picture, text), null);
  }

  /** One question; null for default options. */
  public Response ask(Message message, ChatOptions options) {
    try (Use use = new Use()) {
      use.of(this); // close() waits
      try (Session session = session()) {
        return session.chat(message, options);
      }
    }
  }

  /** Positions of the context a picture takes. */
  public long imageTokens(Image image) {
    long[] tokens = new long[1];
    try (Use use = new Use()) {
      Native.llava_image_tokens(use.of(this), use.of(image), tokens);
    }
    return tokens[0];
  }

  /** The exact numbers the vision tower sees, [3, S, S]; [T, 3, S, S] of a model that cuts pictures. Null for no token. */
  public Tensor preprocess(Image image, CancelToken cancel) {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_image_preprocess(use.of(this), use.of(image), use.of(cancel), out);
    }
    return Tensor.take(out[0]);
  }

  /** Encodes a picture into features that the language model can read. */
  public Embedding encode(Image image) {
    return encode(image, null);
  }

  /** The same with options; null for defaults. */
  public Embedding encode(Image image, EncodeOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_encode_options> filled = EncodeOptions.fill(options, use)) {
      Native.llava_encode_image(use.of(this), use.of(image), filled.struct, out);
    }
    return new Embedding(out[0]);
  }

  /** Encodes several pictures: all or none; null for default options. */
  public List<Embedding> encode(List<Image> images, EncodeOptions options) {
    long[] out = new long[images.size()];
    try (Use use = new Use();
        Filled<llava_encode_options> filled = EncodeOptions.fill(options, use)) {
      Native.llava_encode_images(use.of(this), use.of(images), filled.struct, out);
    }
    List<Embedding> embeddings = new ArrayList<>();
    for (long handle : out) embeddings.add(new Embedding(handle));
    return embeddings;
  }

  /** An embedding of rows computed elsewhere, [tokens, width] and finite. */
  public Embedding embedding(Tensor rows) {
    long[] out = new long[1];
    long tensor = rows.give();
    try (Use use = new Use()) {
      Native.llava_embedding_from_tensor(use.of(this), tensor, out);
    } finally {
      Native.llava_tensor_free(tensor);
    }
    return new Embedding(out[0]);
  }

  /** Reads what {@link Embedding#save} wrote. */
  public Embedding loadEmbedding(Path path) {
    long[] out = new long[1];
    try (Use use = new Use()) {
      Native.llava_embedding_load(use.of(this), path.toString(), out);
    }
    return new Embedding(out[0]);
  }

  /**
   * Runs the language model over raw ids: logits of all positions, or hidden states.
   *
   * @param ids  token ids, and {@link #IMAGE_TOKEN} once for each embedding
   * @param options  null for defaults
   */
  public Tensor forward(int[] ids, List<Embedding> embeddings, ForwardOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_forward_options> filled = ForwardOptions.fill(options, use)) {
      Native.llava_forward(use.of(this), ids, use.of(embeddings), filled.struct, out);
    }
    return Tensor.take(out[0]);
  }

  /** Token ids of a text; names of special tokens in it are text. */
  public int[] tokenize(String text, boolean bos) {
    Objects.requireNonNull(text, "text");
    int flags = bos ? NativeConstants.LLAVA_TOKENIZE_BOS : 0;
    try (Use use = new Use()) {
      long handle = use.of(this);
      return Ids.read((ids, count) -> Native.llava_tokenize_n(handle, text, flags, ids, count));
    }
  }

  /** Text of token ids; `special` writes special tokens too. */
  public String detokenize(int[] ids, boolean special) {
    byte[][] out = new byte[1][];
    try (Use use = new Use()) {
      Native.llava_detokenize(use.of(this), ids, special ? NativeConstants.LLAVA_DETOKENIZE_SPECIAL : 0, out);
    }
    return Text.string(out[0]);
  }

  /** The piece of the vocabulary behind an id, as it stands in the tokenizer. */
  public String tokenText(int id) {
    byte[][] out = new byte[1][];
    try (Use use = new Use()) {
      Native.llava_token_text(use.of(this), id, out);
    }
    return Text.string(out[0]);
  }

  /** The id of a special token; empty where the model has none. */
  public OptionalInt specialToken(SpecialToken kind) {
    int[] id = new int[1];
    try (Use use = new Use()) {
      Native.llava_special_token(use.of(this), kind.ordinal(), id);
      return OptionalInt.of(id[0]);
    } catch (LlavaException.NotFound none) {
      return OptionalInt.empty();
    }
  }

  /** Positions a dialogue takes, pictures included. */
  public long countTokens(List<Message> messages) {
    long[] tokens = new long[1];
    try (Use use = new Use();
        Message.OpenAll open = new Message.OpenAll(messages, use)) {
      Native.llava_count_tokens(use.of(this), open.handles, tokens);
    }
    return tokens[0];
  }

  /** A dialogue as the text the model reads, for people; null for default options. */
  public String applyTemplate(List<Message> messages, TemplateOptions options) {
    byte[][] out = new byte[1][];
    try (Use use = new Use();
        Filled<llava_template_options> filled = TemplateOptions.fill(options, use);
        Message.OpenAll open = new Message.OpenAll(messages, use)) {
      Native.llava_apply_template(use.of(this), open.handles, filled.struct, out);
    }
    return Text.string(out[0]);
  }

  /** A dialogue as the ids the model reads, {@link #IMAGE_TOKEN} at the places of pictures; null for default options. */
  public int[] promptIds(List<Message> messages, TemplateOptions options) {
    try (Use use = new Use();
        Filled<llava_template_options> filled = TemplateOptions.fill(options, use);
        Message.OpenAll open = new Message.OpenAll(messages, use)) {
      long handle = use.of(this);
      return Ids.read((ids, count) -> Native.llava_prompt_ids(handle, open.handles, filled.struct, ids, count));
    }
  }

  /** Loads a LoRA's folder without attaching it; null for default options. */
  public Adapter loadAdapter(Path path, AdapterOptions options) {
    long[] out = new long[1];
    try (Use use = new Use();
        Filled<llava_adapter_options> filled = AdapterOptions.fill(options, use)) {
      Native.llava_adapter_load(use.of(this), path.toString(), filled.struct, out);
    }
    return new Adapter(out[0]);
  }

  /** Makes a LoRA the one of all calls that name none. */
  public void attach(Adapter adapter, double scale) {
    try (Use use = new Use()) {
      Native.llava_adapter_attach(use.of(this), use.of(adapter), (float) scale);
    }
  }

  /** The model by itself again. */
  public void detach() {
    try (Use use = new Use()) {
      Native.llava_adapter_detach(use.of(this));
    }
  }

  /** Writes the model with a LoRA in its weights to a folder; null for default options. */
  public void mergeAdapter(Adapter adapter, double scale, Path target, SaveOptions options) {
    try (Use use = new Use();
        Filled<llava_save_options> filled = SaveOptions.fill(options, use)) {
      long model = use.of(this), lora = use.of(adapter);
      filled.during(() -> Native.llava_adapter_merge(model, lora, (float) scale, target.toString(), filled.struct));
    }
  }

  /** Writes the model to a folder; null for default options. */
  public void save(Path target, SaveOptions options) {
    try (Use use = new Use();
        Filled<llava_save_options> filled = SaveOptions.fill(options, use)) {
      long model = use.of(this);
      filled.during(() -> Native.llava_save(model, target.toString(), filled.struct));
    }
  }

  /**
   * Trains a stage from the checkpoint this model was loaded from, to the end, and writes {@link TrainOptions#outDir}. The model
   * itself is not changed. {@link Trainer} does the same step by step, with events.
   *
   * @return the report: out, step, steps, samples, first_loss, last_loss, ...
   */
  public Map<String, Object> trainStage(TrainOptions options) {
    return trainStage(options, null);
  }

  /**
   * The same, with live events.
   *
   * @param heard  gets each event, on the thread that calls, and answers whether to go on; what it throws ends the run and
   *     leaves this call; null for nobody
   */
  public Map<String, Object> trainStage(TrainOptions options, Predicate<TrainEvent> heard) {
    try (Use use = new Use()) {
      long model = use.of(this);
      return Trainer.reported(options, heard, (struct, out) -> Native.llava_train_stage(model, struct, out));
    }
  }

  @Override
  public String toString() {
    return isClosed() ? super.toString() : "llava.Model " + info().get("path");
  }
}
