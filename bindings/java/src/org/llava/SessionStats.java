package org.llava;

/**
 * What a session has done and holds.
 *
 * @param turns  messages in the history
 * @param tokens  positions whose keys and values are held
 * @param limit  positions it may hold
 * @param tokensComputed  positions run through the language model since the session was made
 * @param imagesEncoded  pictures run through the vision tower since then
 * @param imageHits  pictures found encoded already
 * @param cacheBytes  memory of keys, values and encoded pictures
 */
public record SessionStats(int turns, long tokens, long limit, long tokensComputed, long imagesEncoded, long imageHits,
    long cacheBytes) {
  static SessionStats of(llava_session_usage of) {
    return new SessionStats(of.getTurns(), of.getTokens(), of.getLimit(), of.getTokens_computed(),
        of.getImages_encoded(), of.getImage_hits(), of.getCache_bytes());
  }
}
