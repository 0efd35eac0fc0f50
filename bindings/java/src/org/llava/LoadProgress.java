package org.llava;

/**
 * How far loading, writing or reading data is.
 *
 * @param phase  "weights", then "warm-up"; "save"; "index" and "check" of data
 * @param done  bytes; records of data
 * @param total  0 while unknown
 * @param item  the tensor or file at hand
 */
public record LoadProgress(String phase, long done, long total, String item) {}
