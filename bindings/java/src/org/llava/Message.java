package org.llava;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A turn of a dialogue: a role and parts in any order, texts and pictures. A plain value; what a user types, {@code <image>}
 * included, never becomes structure. The pictures in it stay the caller's: keep them open until the call that is given the
 * message has begun.
 */
public final class Message {
  /** Who speaks. */
  public enum Role {
    SYSTEM,
    USER,
    ASSISTANT
  }

  /**
   * One part: a text, a picture, or the hash of a picture that is known by it alone (a turn that was read from a session).
   *
   * @param text  null for a picture
   * @param picture  null for a text
   * @param hash  null for both
   */
  public record Part(String text, Picture picture, String hash) {}

  private final Role role;
  private final List<Part> parts;

  private Message(Role role, List<Part> parts) {
    this.role = role;
    this.parts = List.copyOf(parts);
  }

  /** A message without parts. */
  public static Message of(Role role) {
    return new Message(Objects.requireNonNull(role, "role"), List.of());
  }

  /** A question. */
  public static Message user(String text) {
    return of(Role.USER).with(text);
  }

  /** A question about a picture; the picture comes first. */
  public static Message user(Picture picture, String text) {
    return of(Role.USER).with(picture).with(text);
  }

  /** A question about pictures; they come first. */
  public static Message user(List<? extends Picture> pictures, String text) {
    Message message = of(Role.USER);
    for (Picture picture : pictures) message = message.with(picture);
    return message.with(text);
  }

  /** An answer, to put an earlier dialogue back. */
  public static Message assistant(String text) {
    return of(Role.ASSISTANT).with(text);
  }

  /** An instruction before the dialogue. */
  public static Message system(String text) {
    return of(Role.SYSTEM).with(text);
  }

  /** This message with a text at its end. */
  public Message with(String text) {
    return with(new Part(Objects.requireNonNull(text, "text"), null, null));
  }

  /** This message with a picture at its end. */
  public Message with(Picture picture) {
    return with(new Part(null, Objects.requireNonNull(picture, "picture"), null));
  }

  private Message with(Part part) {
    List<Part> longer = new ArrayList<>(parts);
    longer.add(part);
    return new Message(role, longer);
  }

  /** Who speaks. */
  public Role role() {
    return role;
  }

  /** All parts in order. */
  public List<Part> parts() {
    return parts;
  }

  /** All texts, joined. */
  public String text() {
    StringBuilder text = new StringBuilder();
    for (Part part : parts) if (part.text() != null) text.append(part.text());
    return text.toString();
  }

  /** All pictures. */
  public List<Picture> pictures() {
    List<Picture> pictures = new ArrayList<>();
    for (Part part : parts) if (part.picture() != null) pictures.add(part.picture());
    return pictures;
  }

  /**
   * Reads OpenAI's shape: {"role": "user", "content": "..."}; pictures are data URIs and become {@link Image}s that are the
   * caller's to close.
   */
  public static Message fromJson(String json) {
    long[] out = new long[1];
    Native.llava_message_from_json(Objects.requireNonNull(json, "json"), out);
    return take(out[0]);
  }

  /** The same shape; pictures become data URIs. */
  public String toJson() {
    byte[][] json = new byte[1][];
    try (Use use = new Use();
        Open open = open(use)) {
      Native.llava_message_to_json(open.handle, json);
    }
    return Text.string(json[0]);
  }

  /** A message of the library for one call. */
  static final class Open implements AutoCloseable {
    final long handle;

    private Open(long handle) {
      this.handle = handle;
    }

    @Override
    public void close() {
      Native.llava_message_free(handle);
    }
  }

  Open open(Use use) {
    long[] out = new long[1];
    Native.llava_message_create(role.ordinal(), out);
    Open open = new Open(out[0]);
    try {
      for (Part part : parts) add(open.handle, part, use);
    } catch (RuntimeException error) {
      open.close();
      throw error;
    }
    return open;
  }

  private static void add(long message, Part part, Use use) {
    if (part.text() != null) Native.llava_message_add_text_n(message, part.text());
    else if (part.picture() instanceof Image image) Native.llava_message_add_image(message, use.of(image));
    else if (part.picture() instanceof Embedding rows) Native.llava_message_add_embedding(message, use.of(rows));
    else throw new LlavaException.Unsupported("a picture is known by its hash alone (" + part.hash() + "), expected the picture");
  }

  /** All messages of a list; those that were opened are closed when one fails. */
  static final class OpenAll implements AutoCloseable {
    private final List<Open> opened = new ArrayList<>();
    final long[] handles;

    OpenAll(List<Message> messages, Use use) {
      handles = new long[messages.size()];
      try {
        for (int i = 0; i < handles.length; i++) {
          opened.add(messages.get(i).open(use));
          handles[i] = opened.get(i).handle;
        }
      } catch (RuntimeException error) {
        close();
        throw error;
      }
    }

    @Override
    public void close() {
      opened.forEach(Open::close);
    }
  }

  /** Reads a message of the library and frees it. */
  static Message take(long handle) {
    try (Open open = new Open(handle)) {
      int count = Native.llava_message_part_count(handle);
      List<Part> parts = new ArrayList<>();
      List<?> named = null; // what the library writes of the message, where a part is neither text nor image
      long[] image = new long[1];
      for (int i = 0; i < count; i++) {
        Native.llava_message_image(handle, i, image);
        String text = Native.llava_message_text(handle, i);
        if (image[0] != 0) {
          parts.add(new Part(null, new Image(image[0]), null));
        } else if (!text.isEmpty()) {
          parts.add(new Part(text, null, null));
        } else {
          if (named == null) named = contents(handle);
          parts.add(named(named.get(i)));
        }
      }
      return new Message(Role.values()[Native.llava_message_role(handle)], parts);
    }
  }

  private static List<?> contents(long handle) {
    byte[][] json = new byte[1][];
    Native.llava_message_to_json(handle, json);
    Object content = Json.object(Text.string(json[0])).get("content");
    return content instanceof List<?> list ? list : List.of(Map.of("type", "text", "text", content));
  }

  private static Part named(Object content) {
    Map<?, ?> item = (Map<?, ?>) content;
    if ("text".equals(item.get("type"))) return new Part(String.valueOf(item.get("text")), null, null);
    return new Part(null, null, String.valueOf(item.get("hash")));
  }

  @Override
  public String toString() {
    return role.name().toLowerCase(java.util.Locale.ROOT) + ": " + text() + (pictures().isEmpty() ? "" : " (with a picture)");
  }
}
