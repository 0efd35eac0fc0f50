package org.llava;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The library as a whole: versions, devices, log, checkpoints on disk. */
public final class Llava {
  private Llava() {}

  /** Levels of the log; a level lets through its own messages and those above. */
  public enum LogLevel {
    DEBUG,
    INFO,
    WARNING,
    ERROR,
    OFF
  }

  /** The version of the library that is running. */
  public static String version() {
    return Native.llava_version();
  }

  /** How the library was built: versions, compiler, features, LibTorch. */
  public static Map<String, Object> buildInfo() {
    return Json.object(Native.llava_build_info_json());
  }

  /** Whether this build has a feature: "cuda", "webp", ... */
  public static boolean hasFeature(String name) {
    return Native.llava_has_feature(name) != 0;
  }

  /** Objects of the library that are alive, by type; to look for leaks. */
  public static Map<String, Object> liveObjects() {
    byte[][] out = new byte[1][];
    Native.llava_live_objects(out);
    return Json.object(Text.string(out[0]));
  }

  /** The CPU and every card that can be used. */
  public static List<DeviceInfo> devices() {
    List<DeviceInfo> devices = new ArrayList<>();
    for (int i = 0; i < Native.llava_device_count(); i++) devices.add(device(i));
    return devices;
  }

  private static DeviceInfo device(int number) {
    llava_device_desc desc = new llava_device_desc();
    try {
      Native.llava_device_info(number, desc);
      return new DeviceInfo(
          desc.getId(), desc.getName(), desc.getThreads(), desc.getTotal_bytes(), desc.getFree_bytes());
    } finally {
      desc.delete();
    }
  }

  private static int number(String device) {
    int[] number = new int[1];
    Native.llava_device_parse(device, number);
    return number[0];
  }

  /** How memory stands on a device: "cpu", "cuda:0", ... */
  public static DeviceMemory deviceMemory(String device) {
    llava_device_usage usage = new llava_device_usage();
    try {
      Native.llava_device_memory(number(device), usage);
      return new DeviceMemory(
          usage.getUsed_bytes(), usage.getCached_bytes(), usage.getPeak_bytes(), usage.getFree_bytes());
    } finally {
      usage.delete();
    }
  }

  /** How many bytes a second the CPU reads; takes about a second and 1 GiB. */
  public static double bandwidth() {
    double[] bandwidth = new double[1];
    Native.llava_device_bandwidth(0, bandwidth);
    return bandwidth[0];
  }

  /** Gives unused memory of all devices back. */
  public static void trim() {
    Native.llava_trim(-1);
  }

  /** Sets how many threads compute one operation, for the whole process. */
  public static void setThreads(int threads) {
    Native.llava_set_threads(threads);
  }

  /** Which messages {@link #drainLog()} gets; OFF at the start. */
  public static void setLogLevel(LogLevel level) {
    Native.llava_log_set_level(level.ordinal());
  }

  /** Takes the messages collected since the last call, each a map with level and message; at most 1024 are kept. */
  public static List<Map<String, Object>> drainLog() {
    byte[][] out = new byte[1][];
    Native.llava_log_drain(out);
    List<Map<String, Object>> lines = new ArrayList<>();
    for (String line : Text.string(out[0]).split("\n")) if (!line.isEmpty()) lines.add(Json.object(line));
    return lines;
  }

  /** Names of all conversation templates. */
  public static List<String> templateNames() {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < Native.llava_template_count(); i++) names.add(Native.llava_template_name(i));
    return names;
  }

  /** What loading a checkpoint would find and take; no weight is read. Null for default options. */
  public static Map<String, Object> plan(Path path, LoadOptions options) {
    byte[][] out = new byte[1][];
    try (Use use = new Use();
        Filled<llava_load_options> filled = LoadOptions.fill(options, use)) {
      filled.during(() -> Native.llava_load_plan(path.toString(), filled.struct, out));
    }
    return Json.object(Text.string(out[0]));
  }

  /** Writes a checkpoint in another layout or dtype without loading it; null for default options. */
  public static void convert(Path path, Path target, SaveOptions options) {
    try (Use use = new Use();
        Filled<llava_save_options> filled = SaveOptions.fill(options, use)) {
      filled.during(() -> Native.llava_convert(path.toString(), target.toString(), filled.struct));
    }
  }

  /** Adds delta weights to the LLaMA they were made from, and writes the sum; null for default options. */
  public static void mergeDelta(Path base, Path delta, Path target, SaveOptions options) {
    try (Use use = new Use();
        Filled<llava_save_options> filled = SaveOptions.fill(options, use)) {
      filled.during(() -> Native.llava_merge_delta(base.toString(), delta.toString(), target.toString(), filled.struct));
    }
  }

  /** Ends the use of the library in this process; nothing needs it. Later calls throw {@link LlavaException.State}. */
  public static void shutdown() {
    Native.llava_shutdown();
  }
}
