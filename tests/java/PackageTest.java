import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import javax.xml.parsers.DocumentBuilderFactory;

/** The artifacts, used by a stranger: the jars alone, the module path, natives that are not there. */
final class PackageTest {
  private static final Path REPOSITORY = Path.of(System.getProperty("repository", "build/java/repository"), "org", "llava");

  private static Path jar(String artifact, String classifier) {
    String end = classifier.isEmpty() ? "" : "-" + classifier;
    String version = org.llava.Llava.version();
    return REPOSITORY.resolve(artifact).resolve(version).resolve(artifact + "-" + version + end + ".jar");
  }

  private static String joined(Path... jars) {
    return List.of(jars).stream().map(Path::toString).collect(Collectors.joining(":"));
  }

  private static TreeSet<String> entries(Path jar) throws IOException {
    try (JarFile file = new JarFile(jar.toFile())) {
      return file.stream().map(entry -> entry.getName()).collect(Collectors.toCollection(TreeSet::new));
    }
  }

  static void everyArtifactHasItsJarsAndAPom() throws Exception {
    for (String artifact : List.of("llava", "llava-awt", "llava-natives")) {
      Path pom = Path.of(jar(artifact, "").toString().replaceAll("jar$", "pom"));
      var root = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(pom.toFile()).getDocumentElement();
      Support.equal(root.getElementsByTagName("artifactId").item(0).getTextContent(), artifact);
      Support.equal(root.getElementsByTagName("version").item(0).getTextContent(), org.llava.Llava.version());
    }
    Support.check(entries(jar("llava", "")).contains("org/llava/Model.class"));
    Support.check(entries(jar("llava", "sources")).containsAll(List.of("org/llava/Model.java", "org/llava/NativeJNI.java")));
    Support.check(entries(jar("llava", "javadoc")).contains("org.llava/org/llava/Session.html"));
    Support.check(entries(jar("llava", "javadoc")).stream().noneMatch(name -> name.contains("Native.") || name.contains("llava_")));
    Support.check(entries(jar("llava-awt", "")).contains("org/llava/awt/BufferedImages.class"));
    Support.check(entries(jar("llava-awt", "sources")).contains("org/llava/awt/BufferedImages.java"));
    Support.check(entries(jar("llava-awt", "javadoc")).contains("org.llava.awt/org/llava/awt/BufferedImages.html"));
    Support.check(entries(jar("llava-natives", "linux-x86_64")).contains("org/llava/natives/linux-x86_64/libllava_java.so"));
  }

  static void theJarsAloneAreEnough() throws Exception {
    Path cache = Support.folder();
    String[] said = new String[2];
    Path examples = Path.of(Ask.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    for (int i = 0; i < 2; i++) { // unpacked, then found
      Support.Run run = Support.java(Map.of(), "-Dllava.cache=" + cache, "-cp",
          joined(jar("llava", ""), jar("llava-natives", "linux-x86_64"), examples), "Ask", Support.SCENES.toString(),
          Support.PICTURE.toString(), Support.QUESTION);
      Support.check(run.code() == 0 && run.out().startsWith("four\n"), run);
      try (var files = Files.walk(cache)) {
        said[i] = files.map(path -> path + " " + path.toFile().lastModified()).sorted().collect(Collectors.joining("\n"));
      }
    }
    Support.equal(said[1], said[0]);
    Support.remove(cache);
  }

  static void theModulePathWorksToo() throws Exception {
    Path cache = Support.folder();
    Support.Run run = Support.java(Map.of(), "-Dllava.cache=" + cache, "-p", joined(jar("llava", ""), jar("llava-awt", "")),
        "--add-modules", "org.llava.awt", "-cp", jar("llava-natives", "linux-x86_64") + ":" + System.getProperty("java.class.path"),
        "PackageTest$Told");
    Support.check(run.code() == 0 && run.out().equals("module org.llava " + org.llava.Llava.version() + "\n"), run);
    Support.remove(cache);
  }

  /** Says where the package comes from; another Java runs it. */
  static final class Told {
    public static void main(String[] arguments) {
      System.out.println(org.llava.Llava.class.getModule() + " " + org.llava.Llava.version());
    }
  }

  static void aLibraryThatIsNotThereIsAnErrorThatSaysWhereItLooked() throws Exception {
    Path folder = Support.folder();
    String classes = System.getProperty("java.class.path");
    Support.Run run = Support.java(Map.of("LLAVA_LIBRARY_PATH", "/nowhere at all:/nor here"), "-Dllava.library.path=" + folder,
        "-Djava.library.path=/not/here:/nor there", "-cp", classes, "PackageTest$Told");
    Support.equal(run.code(), 1);
    for (String part : List.of("UnsatisfiedLinkError", "property llava.library.path: " + folder + "/libllava_java.so is not there",
             "LLAVA_LIBRARY_PATH: /nowhere at all/libllava_java.so is not there", "LLAVA_LIBRARY_PATH: /nor here/libllava_java.so is not there",
             "natives jar: org/llava/natives/linux-x86_64/ is not on the class path",
             "java.library.path: /not/here/libllava_java.so is not there", "java.library.path: /nor there/libllava_java.so is not there",
             "llava-natives-linux-x86_64", "-Dllava.torch.path")) {
      Support.check(run.out().contains(part), part, run.out());
    }
    Support.Run torch = Support.java(Map.of(), Support.same("-Dllava.torch.path=" + folder, "PackageTest$Told"));
    Support.check(torch.code() == 1 && torch.out().contains("LibTorch 2.11 cannot be loaded from there"), torch);
    Support.remove(folder);
  }

  /** Although the jar behind it has one that works. */
  static void aBrokenLibraryThatIsNamedIsNotPassedOver() throws Exception {
    Path folder = Support.folder();
    Files.writeString(folder.resolve("libllava_java.so"), "no library");
    String jars = joined(jar("llava", ""), jar("llava-natives", "linux-x86_64"), Path.of(System.getProperty("java.class.path").split(":")[2]));
    Support.Run run =
        Support.java(Map.of("LLAVA_LIBRARY_PATH", folder.toString()), "-Dllava.library.path=/not here", "-cp", jars, "PackageTest$Told");
    Support.equal(run.code(), 1);
    for (String part : List.of("property llava.library.path: /not here/libllava_java.so is not there",
             "LLAVA_LIBRARY_PATH: " + folder + "/libllava_java.so is there, but", "Other places were not looked at")) {
      Support.check(run.out().contains(part), part, run.out());
    }
    Support.remove(folder);
  }

  /** The library of this build, which no longer knows where LibTorch was when it was built. */
  static void libTorchIsFoundWhereItIsNamed() throws Exception {
    Path natives = Path.of(System.getProperty("llava.library.path"));
    Path folder = Support.folder();
    String torch = System.getProperty("torch");
    try (var files = Files.list(natives)) {
      for (Path file : files.toList()) {
        String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
        Files.writeString(folder.resolve(file.getFileName()), bytes.replace(torch, "?".repeat(torch.length())), StandardCharsets.ISO_8859_1);
      }
    }
    String[] program = {"-Dllava.library.path=" + folder, "-cp", System.getProperty("java.class.path"), "PackageTest$Told"};
    Support.Run without = Support.java(Map.of(), program);
    Support.check(without.code() == 1 && without.out().contains("cannot open shared object file"), without);
    Support.Run with = Support.java(Map.of("LLAVA_TORCH_PATH", torch), program);
    Support.check(with.code() == 0, with);
    Support.remove(folder);
  }
}
