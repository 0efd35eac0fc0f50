import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import javax.imageio.ImageIO;
import org.llava.Image;
import org.llava.ImageInfo;
import org.llava.ImageOptions;
import org.llava.LlavaException;
import org.llava.PixelFormat;
import org.llava.awt.BufferedImages;

/** Pictures from everywhere, and back. */
final class ImagesTest {
  private static void isPicture(Image image) {
    try (image; Image expected = Support.picture()) {
      Support.equal(image.info().sha256(), expected.info().sha256());
    }
  }

  static void aPictureComesFromAnywhere() throws Exception {
    byte[] bytes = Files.readAllBytes(Support.PICTURE);
    Path folder = Support.folder();
    Path copy = Files.copy(Support.PICTURE, folder.resolve("絵 🖼.png"));
    try {
      isPicture(Image.of(copy));
      isPicture(Image.of(bytes));
      isPicture(Image.of(ByteBuffer.wrap(bytes), null));
      ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length + 5).position(5).put(bytes).flip().position(5);
      isPicture(Image.of(direct, new ImageOptions().maxBytes(bytes.length)));
      Support.equal(direct.position(), 5);
      isPicture(Image.of(new ByteArrayInputStream(bytes)));
      isPicture(Image.ofDataUri("data:image/png;base64," + Base64.getEncoder().encodeToString(bytes), null));
      Support.equal(Image.probe(bytes), new ImageInfo("png", 336, 336, 1, ""));
    } finally {
      Support.remove(folder);
    }
  }

  static void pixelsComeAndGoInEveryFormat() {
    try (Image image = Support.picture()) {
      for (PixelFormat format : PixelFormat.values()) {
        byte[] pixels = image.pixels(format);
        Support.equal(pixels.length, 336 * 336 * format.bytes());
        if (format == PixelFormat.GRAY8) continue;
        isPicture(Image.ofPixels(pixels, 336, 336, 0, format));
        ByteBuffer direct = ByteBuffer.allocateDirect(pixels.length + 1).position(1);
        image.pixels(format, direct);
        isPicture(Image.ofPixels(direct.flip().position(1), 336, 336, 0, format));
      }
      byte[] rows = image.pixels(PixelFormat.RGB24);
      byte[] gaps = new byte[(3 * 336 + 7) * 336];
      byte[] bottomUp = new byte[rows.length];
      for (int y = 0; y < 336; y++) {
        System.arraycopy(rows, 1008 * y, gaps, 1015 * y, 1008);
        System.arraycopy(rows, 1008 * y, bottomUp, 1008 * (335 - y), 1008);
      }
      isPicture(Image.ofPixels(gaps, 336, 336, 1015, PixelFormat.RGB24));
      isPicture(Image.ofPixels(bottomUp, 336, 336, -1008, PixelFormat.RGB24));
      Support.thrown(LlavaException.BufferTooSmall.class, "",
          () -> image.pixels(PixelFormat.RGB24, ByteBuffer.allocateDirect(10)));
      Support.thrown(LlavaException.InvalidArgument.class, "direct",
          () -> image.pixels(PixelFormat.RGB24, ByteBuffer.allocate(rows.length)));
    }
  }

  static void whatIsNoPictureIsRefused() {
    Support.thrown(LlavaException.NotFound.class, "no such", () -> Image.of(Path.of("no such 😿.png")));
    Support.thrown(LlavaException.Format.class, "", () -> Image.of("text".getBytes()));
    Support.thrown(LlavaException.InvalidArgument.class, "", () -> Image.of(new byte[0]));
    Support.thrown(LlavaException.Unsupported.class, "", () -> Image.ofDataUri("https://example.org/cat.png", null));
    Support.thrown(LlavaException.Limit.class, "", () -> Image.of(Support.PICTURE, new ImageOptions().maxPixels(100)));
    Support.thrown(LlavaException.InvalidArgument.class, "expected 12",
        () -> Image.ofPixels(new byte[11], 2, 2, 0, PixelFormat.RGB24));
    Support.thrown(LlavaException.InvalidArgument.class, "stride",
        () -> Image.ofPixels(new byte[12], 2, 2, 5, PixelFormat.RGB24));
    Support.thrown(LlavaException.InvalidArgument.class, "", () -> Image.ofPixels(new byte[12], 0, 2, 0, PixelFormat.RGB24));
    Support.thrown(NullPointerException.class, "bytes", () -> Image.of((byte[]) null));
  }

  static void bufferedImagesOfEveryTypeAreTheSamePicture() throws IOException {
    BufferedImage read = ImageIO.read(Support.PICTURE.toFile());
    isPicture(BufferedImages.toImage(read));
    for (int type : new int[] {BufferedImage.TYPE_INT_RGB, BufferedImage.TYPE_INT_ARGB, BufferedImage.TYPE_3BYTE_BGR,
             BufferedImage.TYPE_4BYTE_ABGR, BufferedImage.TYPE_INT_BGR}) {
      BufferedImage copy = new BufferedImage(336, 336, type);
      copy.createGraphics().drawImage(read, 0, 0, null);
      isPicture(BufferedImages.toImage(copy));
    }
    BufferedImage window = new BufferedImage(400, 400, BufferedImage.TYPE_INT_RGB);
    window.createGraphics().drawImage(read, 10, 20, null);
    isPicture(BufferedImages.toImage(window.getSubimage(10, 20, 336, 336)));
    try (Image image = Support.picture()) {
      isPicture(BufferedImages.toImage(BufferedImages.of(image)));
    }
  }
}
