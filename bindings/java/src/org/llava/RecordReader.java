package org.llava;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.NoSuchElementException;

/** The objects of a JSON list or of JSONL, one by one: a file may be larger than memory. */
final class RecordReader implements Iterator<TrainRecord> {
  private static final int MOST = 16 << 20; // no record is longer, as in src/base/limits.hpp
  private final Path path;
  private final BufferedReader reader;
  private boolean listed;
  private long number;
  private long place;
  private int found; // what begins the next record; -1 at the end

  RecordReader(Path path) {
    this.path = path;
    try {
      reader = Files.newBufferedReader(path);
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
    try {
      found = letter();
      listed = found == '[';
      if (listed) found = letter();
      check();
    } catch (RuntimeException error) {
      close();
      throw error;
    }
  }

  void close() {
    try {
      reader.close();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  @Override
  public boolean hasNext() {
    return found >= 0;
  }

  @Override
  public TrainRecord next() {
    if (found < 0) throw new NoSuchElementException(path + " has " + number + " records");
    String text = object();
    number++;
    found = letter();
    if (listed && found == ',') {
      found = letter();
      if (found != '{') throw wrong("'{'");
    } else if (listed && found != ']') {
      throw wrong("',' or ']'");
    }
    check();
    return TrainRecord.of(Json.object(text));
  }

  /** A record begins here, or the file ends. */
  private void check() {
    if (found == '{') return;
    if (found < 0 && !listed) return;
    if (found != ']' || !listed) throw wrong("'{'");
    found = letter();
    if (found >= 0) throw wrong("the end");
  }

  private String object() {
    StringBuilder text = new StringBuilder("{");
    boolean quoted = false;
    boolean escaped = false;
    for (int depth = 1; depth > 0;) {
      int next = read();
      if (next < 0 || text.length() > MOST) throw wrong("'}'");
      text.append((char) next);
      if (escaped) escaped = false;
      else if (quoted && next == '\\') escaped = true;
      else if (next == '"') quoted = !quoted;
      else if (!quoted && next == '{') depth++;
      else if (!quoted && next == '}') depth--;
    }
    return text.toString();
  }

  private int letter() {
    int next = read();
    while (next == ' ' || next == '\t' || next == '\r' || next == '\n') next = read();
    return next;
  }

  private int read() {
    place++;
    try {
      return reader.read();
    } catch (IOException error) {
      throw new UncheckedIOException(path + ": " + error, error);
    }
  }

  private LlavaException wrong(String expected) {
    return new LlavaException.Format(path + ": record " + (number + 1) + ", character " + place + ": expected " + expected);
  }
}
