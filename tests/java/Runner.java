import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** Runs every {@code static void} method without parameters of the classes it is given: Runner RESULT.xml CLASS... */
final class Runner {
  private record Result(String name, double seconds, String failure) {}

  public static void main(String[] arguments) throws Exception {
    org.llava.Llava.setThreads(1); // models this small gain nothing by more, and wait for each other on a machine that is shared
    List<Result> results = new ArrayList<>();
    String wanted = System.getProperty("filter", "");
    for (String name : Arrays.asList(arguments).subList(1, arguments.length)) {
      Method[] methods = Class.forName(name).getDeclaredMethods();
      Arrays.sort(methods, Comparator.comparing(Method::getName));
      for (Method method : methods) if (isTest(method) && (name + method.getName()).contains(wanted)) results.add(run(method));
    }
    Files.writeString(Path.of(arguments[0]), xml(results));
    long failed = results.stream().filter(result -> result.failure != null).count();
    System.out.println(results.size() - failed + " passed, " + failed + " failed");
    System.exit(failed == 0 && !results.isEmpty() ? 0 : 1);
  }

  private static boolean isTest(Method method) {
    return Modifier.isStatic(method.getModifiers()) && !Modifier.isPrivate(method.getModifiers())
        && !method.isSynthetic() && method.getReturnType() == void.class && method.getParameterCount() == 0;
  }

  private static Result run(Method method) {
    String name = method.getDeclaringClass().getSimpleName() + ": " + sentence(method.getName());
    long begin = System.nanoTime();
    String failure = null;
    try {
      method.setAccessible(true);
      method.invoke(null);
    } catch (InvocationTargetException error) {
      failure = trace(error.getCause());
    } catch (IllegalAccessException error) {
      failure = trace(error);
    }
    double seconds = (System.nanoTime() - begin) / 1e9;
    System.out.printf("%s  %5.2f s  %s%n", failure == null ? "ok    " : "FAILED", seconds, name);
    if (failure != null) System.out.println(failure);
    return new Result(name, seconds, failure);
  }

  private static String trace(Throwable error) {
    StringWriter text = new StringWriter();
    error.printStackTrace(new PrintWriter(text));
    return text.toString();
  }

  /** everyOrderIsRight: every order is right. */
  private static String sentence(String name) {
    return name.replaceAll("(?<=.)(?=[A-Z])", " ").toLowerCase(java.util.Locale.ROOT);
  }

  private static String xml(List<Result> results) {
    StringBuilder out = new StringBuilder("<testsuite name=\"java\">\n");
    for (Result result : results) {
      out.append("<testcase name=\"" + escaped(result.name) + "\" time=\"" + result.seconds + "\">");
      if (result.failure != null) out.append("<failure>" + escaped(result.failure) + "</failure>");
      out.append("</testcase>\n");
    }
    return out.append("</testsuite>\n").toString();
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\"", "&quot;");
  }

  private Runner() {}
}
