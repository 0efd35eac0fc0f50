package org.llava;

import java.lang.reflect.Array;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The structs as this binding was compiled with them are those of the table the C tests hold. */
public final class LayoutTest {
  /** Fields without a method of their own: sizes, reserved bytes, counts of lists, handles and callbacks. */
  private static final Set<String> SILENT = Set.of("struct_size", "reserved", "adapter_reserved", "pickle_reserved", "sum_reserved", "mmap_reserved", "stop_count", "stop_id_count",
      "bad_id_count", "bias_count", "cancel", "abandon", "progress", "progress_user_data", "event", "event_user_data");

  private record Field(int offset, int size) {}

  /** Struct, field, where it lies; "-" has the size of the struct. */
  private static Map<String, Map<String, Field>> table() throws Exception {
    Map<String, Map<String, Field>> table = new LinkedHashMap<>();
    for (String line : Files.readAllLines(Path.of("tests/capi/layout.txt"))) {
      String[] words = line.split(" ");
      table.computeIfAbsent(words[0], name -> new LinkedHashMap<>())
          .put(words[1], new Field(Integer.parseInt(words[2]), Integer.parseInt(words[3])));
    }
    if (table.size() < 20) throw new AssertionError("the table has " + table.size() + " structs");
    return table;
  }

  private interface Check {
    void of(String name, Object struct, Map<String, Field> fields) throws Exception;
  }

  private static void everyStruct(Check check) throws Exception {
    for (Map.Entry<String, Map<String, Field>> each : table().entrySet()) {
      Object struct = Class.forName("org.llava." + each.getKey()).getDeclaredConstructor().newInstance();
      check.of(each.getKey(), struct, each.getValue());
      struct.getClass().getMethod("delete").invoke(struct);
    }
  }

  private static void same(Object found, Object expected, String where) {
    if (!found.equals(expected)) throw new AssertionError(where + " is " + found + ", expected " + expected);
  }

  static void everyStructHasTheSizeOfTheTable() throws Exception {
    everyStruct((name, struct, fields) -> {
      long size = (Long) struct.getClass().getMethod("size").invoke(struct);
      same(size, (long) fields.get("-").offset, name);
    });
  }

  static void everyNumberIsReadWhereItLies() throws Exception {
    Class<?> type = Class.forName("sun.misc.Unsafe");
    java.lang.reflect.Field only = type.getDeclaredField("theUnsafe");
    only.setAccessible(true);
    Object unsafe = only.get(null);
    Method put = type.getMethod("putByte", long.class, byte.class);
    int[] seen = new int[1];
    everyStruct((name, struct, fields) -> {
      Method address = struct.getClass().getDeclaredMethod("getCPtr", struct.getClass());
      address.setAccessible(true);
      long begin = (Long) address.invoke(null, struct);
      byte[] bytes = {65, 66, 67, 0, 0, 0, 0, 0};
      for (Map.Entry<String, Field> each : fields.entrySet()) {
        String field = each.getKey();
        Method getter = getter(struct.getClass(), field);
        Field where = each.getValue();
        if (getter == null) {
          boolean text = name.endsWith("_options") && where.size == 8; // set by from_json(), which C tests
          if (!text && !SILENT.contains(field) && !field.equals("-")) throw new AssertionError(name + "." + field + " cannot be read");
          continue;
        }
        for (int i = 0; i < Math.min(where.size, bytes.length); i++) put.invoke(unsafe, begin + where.offset + i, bytes[i]);
        same(bits(getter.invoke(struct)), 4407873L, name + "." + field);
        seen[0]++;
      }
    });
    if (seen[0] < 130) throw new AssertionError("only " + seen[0] + " fields were looked at");
  }

  private static Method getter(Class<?> type, String field) {
    String name = "get" + Character.toUpperCase(field.charAt(0)) + field.substring(1);
    return Arrays.stream(type.getMethods()).filter(method -> method.getName().equals(name)).findFirst().orElse(null);
  }

  private static long bits(Object value) {
    if (value instanceof String text) return text.equals("ABC") ? 4407873 : -1;
    if (value instanceof Float number) return Float.floatToRawIntBits(number);
    if (value instanceof Double number) return Double.doubleToRawLongBits(number);
    if (value instanceof long[] numbers) return numbers[0];
    return ((Number) value).longValue();
  }

  static void everyFieldOfEveryOptionStructHasAMethod() throws Exception {
    for (Map.Entry<String, Map<String, Field>> each : table().entrySet()) {
      if (!each.getKey().endsWith("_options")) continue;
      StringBuilder name = new StringBuilder("org.llava.");
      for (String word : each.getKey().substring("llava_".length()).split("_"))
        name.append(Character.toUpperCase(word.charAt(0))).append(word.substring(1));
      Class<?> type = Class.forName(name.toString());
      Options<?> options = (Options<?>) type.getDeclaredConstructor().newInstance();
      for (Method method : type.getDeclaredMethods()) {
        boolean setter = Modifier.isPublic(method.getModifiers()) && method.getReturnType() == type && method.getParameterCount() == 1;
        if (setter && !SILENT.contains(method.getName())) method.invoke(options, sample(method.getParameterTypes()[0]));
      }
      Set<String> expected = new TreeSet<>(each.getValue().keySet());
      expected.removeAll(SILENT);
      expected.remove("-");
      same(new TreeSet<>(Json.object(options.json()).keySet()), expected, name.toString());
    }
  }

  private static Object sample(Class<?> type) {
    if (type == String.class) return "x";
    if (type == Path.class) return Path.of("x");
    if (type == Duration.class) return Duration.ofMillis(1);
    if (type == Map.class) return Map.of(1, 1);
    if (type == boolean.class) return true;
    if (type == double.class) return 1.0;
    if (type == int.class) return 1;
    if (type == long.class) return 1L;
    return Array.newInstance(type.getComponentType(), 1);
  }

  static void theNumbersOfStatusesHaveTheNamesOfTheLibrary() {
    for (Status status : Status.values()) {
      String name = Native.llava_status_name(status.number());
      if (!name.equals(status.name())) throw new AssertionError(status + " is " + name + " there");
    }
  }
}
