package org.llava;

import java.time.Duration;
/** How an answer is made. What is not set is the model's own (generation_config.json). */
public final class ChatOptions extends Options<ChatOptions> {
  /** Defaults. */
  public ChatOptions() {}

  /** Longest answer. */
  public ChatOptions maxTokens(int maxTokens) {
    return set("max_tokens", maxTokens);
  }

  /** The model cannot end the answer before. */
  public ChatOptions minTokens(int minTokens) {
    return set("min_tokens", minTokens);
  }

  /** 0: always the likeliest token (greedy), up to 100. */
  public ChatOptions temperature(double temperature) {
    return set("temperature", temperature);
  }

  /** Draw from the likeliest tokens that hold this mass, above 0 to 1. */
  public ChatOptions topP(double topP) {
    return set("top_p", topP);
  }

  /** Draw from tokens at least this likely, relative to the likeliest, 0 to below 1. */
  public ChatOptions minP(double minP) {
    return set("min_p", minP);
  }

  /** Draw from the k likeliest tokens; 0: from all. */
  public ChatOptions topK(int topK) {
    return set("top_k", topK);
  }

  /** Divides the logits of tokens seen before; 1: none. */
  public ChatOptions repetitionPenalty(double repetitionPenalty) {
    return set("repetition_penalty", repetitionPenalty);
  }

  /** The same seed gives the same answer. */
  public ChatOptions seed(long seed) {
    return set("seed", seed);
  }

  /** Texts that end the answer. */
  public ChatOptions stop(String... stop) {
    return set("stop", stop);
  }

  /** Token ids that end the answer. */
  public ChatOptions stopIds(int... stopIds) {
    return set("stop_ids", stopIds);
  }

  /** Token ids that are never drawn. */
  public ChatOptions badIds(int... badIds) {
    return set("bad_ids", badIds);
  }

  /** Whether a stop string stays in the text. */
  public ChatOptions includeStop(boolean includeStop) {
    return set("include_stop", includeStop);
  }

  /** Whether end marks of model and template do not end the answer. */
  public ChatOptions ignoreEos(boolean ignoreEos) {
    return set("ignore_eos", ignoreEos);
  }

  /** 0: likelihoods of the drawn tokens; n: and of the n likeliest, at most 256; -1: none. */
  public ChatOptions logprobs(int logprobs) {
    return set("logprobs", logprobs);
  }

  /** Whether a cancel or deadline keeps what was said so far, instead of an exception and a session as before. */
  public ChatOptions keepOnCancel(boolean keepOnCancel) {
    return set("on_cancel", keepOnCancel ? "keep" : "rollback");
  }

  /** Deadline of the whole answer; null for none. */
  public ChatOptions timeout(Duration timeout) {
    return set("timeout_ms", timeout == null ? null : timeout.toMillis());
  }

  /** Name of an adapter in memory ({@link Model#loadAdapter}); "" for none. Default: the session's, else the attached one. */
  public ChatOptions adapter(String adapter) {
    return set("adapter", adapter);
  }

  /** What that adapter's products are multiplied with; default 1. */
  public ChatOptions adapterScale(double adapterScale) {
    return set("adapter_scale", adapterScale);
  }

  /** What stops the call from another thread; null for none. */
  public ChatOptions cancel(CancelToken token) {
    return cancelToken(token);
  }

  /** Token ids whose logits are changed, each by this amount. */
  public ChatOptions logitBias(java.util.Map<Integer, ? extends Number> biases) {
    set("bias_ids", java.util.List.copyOf(biases.keySet()));
    return set("bias_values", biases.keySet().stream().map(id -> biases.get(id).floatValue()).toList());
  }

  /** The struct of {@code options}, null for defaults, for one call of {@code use}. */
  static Filled<llava_chat_options> fill(ChatOptions options, Use use) {
    Filled<llava_chat_options> filled = new Filled<>(new llava_chat_options(), options == null ? "{}" : options.json());
    if (options != null) filled.cancel(use, options.cancelToken(), filled.struct::setCancel);
    return filled;
  }
}
