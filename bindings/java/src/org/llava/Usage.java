package org.llava;

/**
 * Tokens and times of an answer; times are of work, without the pauses between two pulls.
 *
 * @param promptTokens  positions of the prompt, pictures included
 * @param imageTokens  positions of pictures among them
 * @param cachedTokens  positions of the prompt that needed no computing
 * @param completionTokens  tokens of the answer
 * @param preprocessMs  pictures: resizing, normalising
 * @param encodeMs  pictures: vision tower and projector
 * @param promptMs  template and tokenizer
 * @param prefillMs  reading the prompt
 * @param firstTokenMs  all work until the first token
 * @param decodeMs  from the first token to the last
 * @param totalMs  the two together
 * @param tokensPerSecond  of decoding; 0 for fewer than two tokens
 */
public record Usage(long promptTokens, long imageTokens, long cachedTokens, long completionTokens, double preprocessMs,
    double encodeMs, double promptMs, double prefillMs, double firstTokenMs, double decodeMs, double totalMs,
    double tokensPerSecond) {
  static Usage of(llava_usage of) {
    return new Usage(of.getPrompt_tokens(), of.getImage_tokens(), of.getCached_tokens(), of.getCompletion_tokens(),
        of.getPreprocess_ms(), of.getEncode_ms(), of.getPrompt_ms(), of.getPrefill_ms(), of.getFirst_token_ms(),
        of.getDecode_ms(), of.getTotal_ms(), of.getTokens_per_second());
  }
}
