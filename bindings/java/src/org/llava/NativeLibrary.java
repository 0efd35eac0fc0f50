package org.llava;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Finds and loads the native libraries, {@code libllava_java.so} and {@code libllava.so} beside it; the error lists every place
 * it looked. In this order: the folder of the property {@code llava.library.path}; those of the environment variable
 * LLAVA_LIBRARY_PATH; the natives jar, unpacked into a folder of the user's cache that is named by its content; {@code
 * java.library.path}. The first place that has the library must have one that loads: another place would hide what is wrong with
 * it. A LibTorch in the folder of {@code llava.torch.path} (or LLAVA_TORCH_PATH) is loaded before.
 */
final class NativeLibrary {
  private static final String NAME = "libllava_java.so";
  private static final String CORE =
      "libllava.so." + NativeConstants.LLAVA_VERSION_MAJOR + "." + NativeConstants.LLAVA_VERSION_MINOR;
  private static final List<String> TORCH = List.of("libc10.so", "libtorch_cpu.so");

  private NativeLibrary() {}

  /** What was tried, for the error. */
  private static final List<String> TRIED = new ArrayList<>();

  /** Loads; throws an UnsatisfiedLinkError that says every place it looked. */
  static synchronized void load() {
    loadTorch();
    if (given("property llava.library.path", System.getProperty("llava.library.path"))) return;
    if (given("environment variable LLAVA_LIBRARY_PATH", System.getenv("LLAVA_LIBRARY_PATH"))) return;
    if (bundled()) return;
    if (given("java.library.path", System.getProperty("java.library.path"))) return;
    throw failure("Put the jar llava-natives-" + classifier() + " on the class path, or name the folder of " + NAME
        + " with -Dllava.library.path=FOLDER; LibTorch 2.11's folder with -Dllava.torch.path=FOLDER.");
  }

  private static UnsatisfiedLinkError failure(String advice) {
    return new UnsatisfiedLinkError("llava's native libraries for " + classifier() + " cannot be loaded. Looked in:\n"
        + TRIED.stream().map(place -> "  - " + place).collect(Collectors.joining("\n")) + "\n" + advice);
  }

  /** What is there but does not load is not passed over for another. */
  private static UnsatisfiedLinkError broken(String what, String why) {
    TRIED.add(what + ": " + why);
    return failure("Other places were not looked at: mend this one, or take it away. LibTorch 2.11's folder is named with"
        + " -Dllava.torch.path=FOLDER.");
  }

  /** As in the names of the natives jars, such as linux-x86_64. */
  static String classifier() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String machine = System.getProperty("os.arch");
    return (system.startsWith("linux") ? "linux" : system.replace(' ', '-')) + "-"
        + (machine.equals("amd64") ? "x86_64" : machine);
  }

  private static void loadTorch() {
    String folder = System.getProperty("llava.torch.path", System.getenv("LLAVA_TORCH_PATH"));
    if (folder == null) return;
    for (String name : TORCH) {
      Path path = Path.of(folder).toAbsolutePath().resolve(name);
      try {
        System.load(path.toString());
      } catch (UnsatisfiedLinkError error) {
        throw new UnsatisfiedLinkError(
            "llava.torch.path (or LLAVA_TORCH_PATH) is " + folder + ", but LibTorch 2.11 cannot be loaded from there: "
                + error.getMessage());
      }
    }
  }

  /** Folders someone named. */
  private static boolean given(String what, String folders) {
    if (folders == null || folders.isEmpty()) {
      TRIED.add(what + ": not set");
      return false;
    }
    for (String folder : folders.split(java.io.File.pathSeparator)) {
      if (!folder.isEmpty() && inFolder(what, Path.of(folder))) return true;
    }
    return false;
  }

  private static boolean inFolder(String what, Path folder) {
    Path library = folder.toAbsolutePath().resolve(NAME);
    if (!Files.isRegularFile(library)) {
      TRIED.add(what + ": " + library + " is not there");
      return false;
    }
    try {
      Path core = library.resolveSibling(CORE); // where there is none, the system's linker looks for it
      if (Files.isRegularFile(core)) System.load(core.toString());
      System.load(library.toString());
      return true;
    } catch (UnsatisfiedLinkError error) {
      throw broken(what, library + " is there, but: " + error.getMessage());
    }
  }

  /** Of whichever jar has it; a module would look into its own alone. */
  private static InputStream resource(String name) {
    return NativeLibrary.class.getClassLoader().getResourceAsStream(name);
  }

  private static boolean bundled() {
    String place = "org/llava/natives/" + classifier() + "/";
    try (InputStream list = resource(place + "natives.txt")) {
      if (list == null) {
        TRIED.add("natives jar: " + place + " is not on the class path");
        return false;
      }
      byte[] lines = list.readAllBytes();
      Path folder = cache().resolve(sha256(lines).substring(0, 32));
      String names = new String(lines, StandardCharsets.UTF_8);
      if (!whole(folder, names)) {
        discard(folder);
        unpack(place, names, folder);
      }
      return inFolder("natives jar, unpacked", folder);
    } catch (IOException | UncheckedIOException error) {
      throw broken("natives jar", "unpacking failed: " + error);
    }
  }

  private static Path cache() {
    String named = System.getProperty("llava.cache");
    if (named != null) return Path.of(named);
    String base = System.getenv("XDG_CACHE_HOME");
    Path home = base == null || base.isEmpty() ? Path.of(System.getProperty("user.home"), ".cache") : Path.of(base);
    return home.resolve("llava-java");
  }

  /** Fills a folder beside `folder` and renames it: one that is there is whole, whoever else unpacks at the same time. */
  private static void unpack(String place, String list, Path folder) throws IOException {
    Files.createDirectories(folder.getParent());
    Path partial = Files.createTempDirectory(folder.getParent(), "partial");
    try {
      for (String line : list.lines().toList()) {
        String[] sumAndName = line.split(" ", 2);
        Path file = partial.resolve(sumAndName[1]);
        try (InputStream content = resource(place + sumAndName[1])) {
          if (content == null) throw new IOException(place + sumAndName[1] + " is missing in the natives jar");
          Files.copy(content, file);
        }
        if (!sha256(Files.readAllBytes(file)).equals(sumAndName[0])) throw new IOException(file + " is damaged");
      }
      Files.move(partial, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | java.nio.file.DirectoryNotEmptyException other) {
      remove(partial); // somebody else was faster
    } catch (IOException error) {
      remove(partial);
      if (!Files.isDirectory(folder)) throw error;
    }
  }

  /** Whether an unpacked folder still has all its files: caches get tidied up. */
  private static boolean whole(Path folder, String list) {
    return list.lines().allMatch(line -> Files.isRegularFile(folder.resolve(line.split(" ", 2)[1])));
  }

  private static void discard(Path folder) throws IOException {
    if (Files.isDirectory(folder)) remove(folder);
  }

  private static void remove(Path folder) throws IOException {
    try (java.util.stream.Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) Files.delete(file);
    }
    Files.delete(folder);
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException error) {
      throw new IllegalStateException(error); // every Java has it
    }
  }
}
