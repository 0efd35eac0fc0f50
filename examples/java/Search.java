// Which pictures of a folder look most like this one: java Search.java MODEL FOLDER PICTURE
// The features of the vision tower, averaged over the picture, are compared by their angle.
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.llava.*;

class Search {
  /** The mean row of a picture's features. */
  static double[] direction(Model model, Path path) {
    try (Image image = Image.of(path); Embedding rows = model.encode(image, new EncodeOptions().features(true))) {
      int width = rows.info().width();
      double[] mean = new double[width];
      FloatBuffer numbers = rows.tensor().floats();
      for (int i = 0; numbers.hasRemaining(); i++) mean[i % width] += numbers.get() / rows.info().tokens();
      return mean;
    }
  }

  static double likeness(double[] a, double[] b) {
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < a.length; i++) {
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    return ab / Math.sqrt(aa * bb);
  }

  public static void main(String[] words) throws IOException {
    List<Path> files;
    try (var all = Files.list(Path.of(words[1]))) {
      files = all.filter(path -> path.toString().matches("(?i).*\\.(jpe?g|png|bmp|gif|webp)")).sorted().toList();
    }
    try (Model model = Model.load(Path.of(words[0]))) {
      double[] wanted = direction(model, Path.of(words[2]));
      List<Double> found = new ArrayList<>();
      for (Path path : files) found.add(likeness(direction(model, path), wanted));
      IntStream.range(0, files.size()).boxed().sorted((a, b) -> Double.compare(found.get(b), found.get(a)))
          .forEach(i -> System.out.printf(Locale.ROOT, "%6.3f  %s%n", found.get(i), files.get(i).getFileName()));
    }
  }
}
