package org.llava;

import java.util.List;
import java.util.Map;

/**
 * A conversation of a data file, about pictures or about none.
 *
 * @param id  what the file calls it; "" without a name
 * @param images  its pictures as the file names them, below the folder of pictures
 * @param turns  who says what
 * @param fields  all of it, as in the file
 */
public record TrainRecord(String id, List<String> images, List<Turn> turns, Map<String, Object> fields) {
  /**
   * What one of the two says.
   *
   * @param from  "human" or "gpt"
   * @param value  the words, in which {@code <image>} stands for a picture
   */
  public record Turn(String from, String value) {}

  static TrainRecord of(Map<String, Object> fields) {
    Object image = fields.get("image");
    List<?> images = image instanceof List<?> several ? several : image == null ? List.of() : List.of(image);
    List<?> turns = fields.get("conversations") instanceof List<?> list ? list : List.of();
    return new TrainRecord(fields.get("id") == null ? "" : fields.get("id").toString(), images.stream().map(String::valueOf).toList(),
        turns.stream().map(turn -> turn instanceof Map<?, ?> said ? said : Map.of())
            .map(said -> new Turn(String.valueOf(said.get("from")), String.valueOf(said.get("value")))).toList(), fields);
  }
}
