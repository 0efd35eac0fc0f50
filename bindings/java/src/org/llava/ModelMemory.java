package org.llava;

/**
 * What a model takes up.
 *
 * @param device  number of its device in {@link Llava#devices()}
 * @param weightBytes  weights, mapped from files or copied
 * @param cacheBytesPerToken  keys and values a session keeps for each position
 */
public record ModelMemory(int device, long weightBytes, long cacheBytesPerToken) {}
