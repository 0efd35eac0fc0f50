package org.llava;

import java.nio.file.Path;

/** How a stage is trained: {@link #data} and {@link #outDir} must be set, the rest is the preset's. {@link #set} reaches every
 * field of the C struct. */
public final class TrainOptions extends Options<TrainOptions> {
  private CancelToken abandon;

  /** Defaults. */
  public TrainOptions() {}

  /** 1: the projector learns; 2: the language model learns too. */
  public TrainOptions stage(int stage) {
    return set("stage", stage);
  }

  /** Recipe: "llava-1.5" (default), "llava-1.5-lora", "llava-1.5-qlora", "llava-v0", "scienceqa", "custom". */
  public TrainOptions preset(String preset) {
    return set("preset", preset);
  }

  /** LLaVA's JSON or JSONL of records; must be set. */
  public TrainOptions data(Path data) {
    return set("data", data);
  }

  /** Folder of all pictures; default: that of the file whose records name them. */
  public TrainOptions imageRoot(Path imageRoot) {
    return set("image_root", imageRoot);
  }

  /** Folder of the run: new, empty, or the run that is to go on; must be set. */
  public TrainOptions outDir(Path outDir) {
    return set("out_dir", outDir);
  }

  /** "auto" (default): go on where the run stopped; "never"; else the folder of a snapshot. */
  public TrainOptions resume(String resume) {
    return set("resume", resume);
  }

  /** Held-out records. */
  public TrainOptions evalData(Path evalData) {
    return set("eval_data", evalData);
  }

  /** Regular expression over parameter names; default: the stage's. */
  public TrainOptions learns(String learns) {
    return set("learns", learns);
  }

  /** Conversation template; default: the preset's. */
  public TrainOptions template(String template) {
    return set("template_name", template);
  }

  /** As in {@link LoadOptions}. */
  public TrainOptions visionTower(Path visionTower) {
    return set("vision_tower", visionTower);
  }

  /** As in {@link LoadOptions}. */
  public TrainOptions projector(Path projector) {
    return set("projector", projector);
  }

  /** "mlp2x_gelu", "linear", ...: the model begins with a projector that has learned nothing. */
  public TrainOptions newProjector(String newProjector) {
    return set("new_projector", newProjector);
  }

  /** Peak learning rate. */
  public TrainOptions lr(double lr) {
    return set("lr", lr);
  }

  /** Of the projector; default: lr. */
  public TrainOptions projectorLr(double projectorLr) {
    return set("projector_lr", projectorLr);
  }

  /** Of the vision tower, where {@link #learns} takes it in; default: lr. */
  public TrainOptions visionLr(double visionLr) {
    return set("vision_lr", visionLr);
  }

  /** Of matrices, not of norms and biases. */
  public TrainOptions weightDecay(double weightDecay) {
    return set("weight_decay", weightDecay);
  }

  /** Of AdamW. */
  public TrainOptions beta1(double beta1) {
    return set("beta1", beta1);
  }

  /** Of AdamW. */
  public TrainOptions beta2(double beta2) {
    return set("beta2", beta2);
  }

  /** Of AdamW. */
  public TrainOptions epsilon(double epsilon) {
    return set("epsilon", epsilon);
  }

  /** Steps of warm-up, of all. */
  public TrainOptions warmupRatio(double warmupRatio) {
    return set("warmup_ratio", warmupRatio);
  }

  /** Instead of the ratio. */
  public TrainOptions warmupSteps(long warmupSteps) {
    return set("warmup_steps", warmupSteps);
  }

  /** Largest norm of a step's gradient; 0 for no bound. */
  public TrainOptions clip(double clip) {
    return set("clip", clip);
  }

  /** Samples of a step, over all ranks. */
  public TrainOptions batch(long batch) {
    return set("batch", batch);
  }

  /** Samples that go through the model together; a divisor of the batch. */
  public TrainOptions microBatch(long microBatch) {
    return set("micro_batch", microBatch);
  }

  /** Times the data are seen. */
  public TrainOptions epochs(long epochs) {
    return set("epochs", epochs);
  }

  /** Length of the run instead of epochs. */
  public TrainOptions steps(long steps) {
    return set("steps", steps);
  }

  /** Positions of a sample, pictures counted. */
  public TrainOptions maxLength(long maxLength) {
    return set("max_length", maxLength);
  }

  /** Of orders and draws; default 42. */
  public TrainOptions seed(long seed) {
    return set("seed", seed);
  }

  /** Steps between snapshots; default 0: at the end and when stopped. */
  public TrainOptions saveEvery(long saveEvery) {
    return set("save_every", saveEvery);
  }

  /** Snapshots that are kept; default 2. */
  public TrainOptions keep(long keep) {
    return set("keep", keep);
  }

  /** Steps between evaluations; default 0: at the end. */
  public TrainOptions evalEvery(long evalEvery) {
    return set("eval_every", evalEvery);
  }

  /** Records that may be unusable; -1: any number. */
  public TrainOptions skipBad(long skipBad) {
    return set("skip_bad", skipBad);
  }

  /** Steps in a row that may be left out because loss or gradient is not finite; default 0: the first ends the run. */
  public TrainOptions skipDiverged(long skipDiverged) {
    return set("skip_diverged", skipDiverged);
  }

  /** Also the original's files, in torch's format: mm_projector.bin, non_lora_trainables.bin. */
  public TrainOptions torchFiles(boolean torchFiles) {
    return set("torch_files", torchFiles);
  }

  /** Whether the snapshots of saveEvery are written meanwhile, from a copy (12 bytes a parameter). */
  public TrainOptions saveAsync(boolean saveAsync) {
    return set("save_async", saveAsync);
  }

  /** Steps after which the first questions of answerData, at most three, are asked; default 0: never. */
  public TrainOptions answerEvery(long answerEvery) {
    return set("answer_every", answerEvery);
  }

  /** Records with these questions; default: those of evalData. */
  public TrainOptions answerData(Path answerData) {
    return set("answer_data", answerData);
  }

  /** "cpu" (default), "cuda:0"; "cuda": of several processes each takes the card of its number on its machine. */
  public TrainOptions device(String device) {
    return set("device", device);
  }

  /** "cosine", "linear", "constant" or "wsd": the peak after the warm-up, then down over the last {@link #decayRatio}. */
  public TrainOptions schedule(String schedule) {
    return set("schedule", schedule);
  }

  /** Of the schedule "wsd" alone: steps over which it goes down, of all; default: 0.1. */
  public TrainOptions decayRatio(double ratio) {
    return set("decay_ratio", ratio);
  }

  /** How the gradients of a step's micro-batches are added up: "tree", or "chain", which takes less memory and gives other last
   * digits. */
  public TrainOptions sumOrder(String order) {
    return set("sum_order", order);
  }

  /** How the loss of a step is averaged: "group", over micro-batches alike, as published, or "global", over tokens alike. */
  public TrainOptions lossMean(String lossMean) {
    return set("loss_mean", lossMean);
  }

  /** "sequential", "shuffled", "grouped" or "upstream". */
  public TrainOptions order(String order) {
    return set("order", order);
  }

  /** As in {@link DatasetOptions}. */
  public TrainOptions labels(String labels) {
    return set("labels", labels);
  }

  /** As in {@link DatasetOptions}. */
  public TrainOptions imagePlace(String imagePlace) {
    return set("image_place", imagePlace);
  }

  /** "pad": a picture is padded to a square, "square": its centre is cropped; default: as the model's files say, else the preset's. */
  public TrainOptions imageAspectRatio(String imageAspectRatio) {
    return set("image_aspect_ratio", imageAspectRatio);
  }

  /** Whether pictures may lie anywhere; default: below the folder of pictures alone. */
  public TrainOptions allowOutside(boolean allowOutside) {
    return set("allow_outside", allowOutside);
  }

  /** That decode pictures ahead; default 2. */
  public TrainOptions loaderThreads(int loaderThreads) {
    return set("loader_threads", loaderThreads);
  }

  /** "f32" (default); "bf16": weights rounded for what they are multiplied with. */
  public TrainOptions dtype(String dtype) {
    return set("dtype", dtype);
  }

  /** What is computed twice to save memory: "auto" (default), "none", "cheap", "full". */
  public TrainOptions recompute(String recompute) {
    return set("recompute", recompute);
  }

  /** Of what each process holds its share alone; 1: the optimizer's state, 2: and gradients, 3: and what learns; default 0. */
  public TrainOptions zero(int zero) {
    return set("zero", zero);
  }

  /** "on": the same bits on any number of processes; "off": less to send; default "auto": on, on the CPU. */
  public TrainOptions deterministic(String deterministic) {
    return set("deterministic", deterministic);
  }

  /** Whether event files are written below outDir/tensorboard. */
  public TrainOptions tensorboard(boolean tensorboard) {
    return set("tensorboard", tensorboard);
  }

  /** Whether mm_projector.safetensors is written beside the result. */
  public TrainOptions projectorFile(boolean projectorFile) {
    return set("projector_file", projectorFile);
  }

  /** 4: frozen weights beside a LoRA in four bits (QLoRA); default 16. */
  public TrainOptions baseBits(int baseBits) {
    return set("base_bits", String.valueOf(baseBits));
  }

  /** Processes that train together; {@link Trainer} takes 1, the default, and 0: one of several, as torchrun says. */
  public TrainOptions nproc(int nproc) {
    return set("nproc", nproc);
  }

  /** Rank of a LoRA beside the language model's matrices; 0 for none. */
  public TrainOptions loraRank(long loraRank) {
    return set("lora_r", loraRank);
  }

  /** Its products count alpha / rank. */
  public TrainOptions loraAlpha(double loraAlpha) {
    return set("lora_alpha", loraAlpha);
  }

  /** Of its inputs, 0 to less than 1. */
  public TrainOptions loraDropout(double loraDropout) {
    return set("lora_dropout", loraDropout);
  }

  /** Matrices by name, parted by commas; default: all of the language model's layers. */
  public TrainOptions loraTargets(String loraTargets) {
    return set("lora_targets", loraTargets);
  }

  /** What ranks run; default: libexec/llava/llava-rank beside the library's folder. */
  public TrainOptions rankProgram(Path rankProgram) {
    return set("rank_program", rankProgram);
  }

  /** What stops the call from another thread; null for none. */
  public TrainOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** What ends processes that were started here ({@link #nproc} above 1) at once, without a snapshot; null for none. */
  public TrainOptions abandon(CancelToken token) {
    abandon = token;
    return this;
  }

  /** Whether the run is one process alone, which may save what the others would have to save together with it. */
  boolean isAlone() {
    return !(value("nproc") instanceof Number nproc) || nproc.intValue() == 1;
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_train_options> fill(TrainOptions options, Use use) {
    Filled<llava_train_options> filled = new Filled<>(new llava_train_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    if (options != null) filled.cancel(use, options.abandon, filled.struct::setAbandon);
    return filled;
  }
}
