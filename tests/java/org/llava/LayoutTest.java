package org.llava;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** The structs as this binding was compiled with them are those of the table the C tests hold. */
public final class LayoutTest {
  static void everyStructHasTheSizeOfTheTable() throws Exception {
    Map<String, Long> expected = new LinkedHashMap<>();
    for (String line : Files.readAllLines(Path.of("tests/capi/layout.txt"))) {
      String[] words = line.split(" "); // struct, field or - at its end, offset, size
      if (words[1].equals("-")) expected.put(words[0], Long.valueOf(words[2]));
    }
    int seen = 0;
    for (Map.Entry<String, Long> row : expected.entrySet()) {
      Class<?> made = Class.forName("org.llava." + row.getKey());
      Object struct = made.getDeclaredConstructor().newInstance();
      long size = (Long) made.getMethod("size").invoke(struct);
      if (size != row.getValue()) throw new AssertionError(row + ", found " + size);
      made.getMethod("delete").invoke(struct);
      seen++;
    }
    if (seen < 20) throw new AssertionError("the table has " + seen + " structs");
  }

  static void theNumbersOfStatusesHaveTheNamesOfTheLibrary() {
    for (Status status : Status.values()) {
      String name = Native.llava_status_name(status.number());
      if (!name.equals(status.name())) throw new AssertionError(status + " is " + name + " there");
    }
  }
}
