import java.awt.Component;
import java.awt.Container;
import java.awt.Point;
import java.awt.Rectangle;
import java.awt.Robot;
import java.awt.datatransfer.DataFlavor;
import java.awt.datatransfer.Transferable;
import java.awt.event.InputEvent;
import java.awt.image.BufferedImage;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import javax.imageio.ImageIO;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JLabel;
import javax.swing.JTextField;
import javax.swing.JTextPane;
import javax.swing.SwingUtilities;
import javax.swing.TransferHandler;
import javax.swing.UIManager;
import javax.swing.event.DocumentEvent;
import javax.swing.event.DocumentListener;
import org.llava.Image;
import org.llava.Message;
import org.llava.Response;

/** The desktop program on a screen of its own: Xvfb. With -Dscreenshot=FILE it leaves a picture of itself there. */
final class DesktopTest {
  private record Dropped(List<File> files) implements Transferable {
    @Override
    public DataFlavor[] getTransferDataFlavors() {
      return new DataFlavor[] {DataFlavor.javaFileListFlavor};
    }

    @Override
    public boolean isDataFlavorSupported(DataFlavor flavor) {
      return flavor.equals(DataFlavor.javaFileListFlavor);
    }

    @Override
    public Object getTransferData(DataFlavor flavor) {
      return files;
    }
  }

  private static <T extends Component> List<T> all(Container place, Class<T> kind) {
    List<T> found = new ArrayList<>();
    for (Component each : place.getComponents()) {
      if (kind.isInstance(each)) found.add(kind.cast(each));
      if (each instanceof Container inner) found.addAll(all(inner, kind));
    }
    return found;
  }

  /** Waits until it holds, some seconds at most; asked on the window's thread. */
  private static void until(String what, BooleanSupplier holds) throws Exception {
    boolean[] now = new boolean[1];
    for (int i = 0; i < 2000; i++) {
      SwingUtilities.invokeAndWait(() -> now[0] = holds.getAsBoolean());
      if (now[0]) return;
      Thread.sleep(5);
    }
    throw new AssertionError("it did not happen: " + what);
  }

  private static void click(Robot robot, Desktop window, String name) throws Exception {
    JButton button =
        all(window.frame().getContentPane(), JButton.class).stream().filter(each -> name.equals(each.getName())).findFirst().get();
    until(name + " is enabled", button::isEnabled);
    Point corner = button.getLocationOnScreen();
    robot.mouseMove(corner.x + button.getWidth() / 2, corner.y + button.getHeight() / 2);
    robot.mousePress(InputEvent.BUTTON1_DOWN_MASK);
    robot.mouseRelease(InputEvent.BUTTON1_DOWN_MASK);
    robot.waitForIdle();
  }

  static void aPictureIsDroppedAndTalkedAbout() throws Exception {
    UIManager.setLookAndFeel("javax.swing.plaf.nimbus.NimbusLookAndFeel");
    Desktop[] made = new Desktop[1];
    SwingUtilities.invokeAndWait(() -> {
      made[0] = new Desktop(Support.scenes());
      made[0].frame().setVisible(true);
    });
    Desktop window = made[0];
    Container inside = window.frame().getContentPane();
    Robot robot = new Robot();
    JTextPane words = all(inside, JTextPane.class).get(0);
    JTextField input = all(inside, JTextField.class).get(0);
    JLabel status = all(inside, JLabel.class).get(0);
    JComponent place = all(inside, PicturePanel.class).get(0);
    drop(place, new File("README.md"));
    until("what is no picture is told", () -> status.getText().contains("no known picture format"));
    drop(place, Support.PICTURE.toFile());
    ask(input, Support.QUESTION);
    until("the answer", () -> words.getText().contains("four") && status.getText().startsWith("stop, 2 tokens"));
    click(robot, window, "Ask again");
    until("one question, one answer", () -> words.getText().endsWith("?\nfour") && status.getText().startsWith("stop"));
    stopIsHeard(window, words, input, status);
    savedAndOpened(window, words);
    takenBack(robot, window, words, input, status);
    picture(robot, window, words, input, status, place);
    SwingUtilities.invokeAndWait(window::close);
  }

  private static void drop(JComponent place, File file) throws Exception {
    SwingUtilities.invokeAndWait(() -> place.getTransferHandler().importData(
        new TransferHandler.TransferSupport(place, new Dropped(List.of(file)))));
  }

  private static void ask(JTextField input, String question) throws Exception {
    SwingUtilities.invokeAndWait(() -> {
      input.setText(question);
      input.postActionEvent();
    });
  }

  /** The button is pressed as soon as the first words stand there; an answer that was quicker is asked for again. */
  private static void stopIsHeard(Desktop window, JTextPane words, JTextField input, JLabel status) throws Exception {
    JButton stop = all(window.frame().getContentPane(), JButton.class).stream().filter(each -> "Stop".equals(each.getName())).findFirst().get();
    DocumentListener presser = new DocumentListener() {
      @Override
      public void insertUpdate(DocumentEvent event) {
        SwingUtilities.invokeLater(() -> stop.doClick(0));
      }

      @Override
      public void removeUpdate(DocumentEvent event) {}

      @Override
      public void changedUpdate(DocumentEvent event) {}
    };
    words.getDocument().addDocumentListener(presser);
    for (int i = 0; i < 10 && !status.getText().startsWith("cancelled"); i++) {
      SwingUtilities.invokeAndWait(() -> status.setText("asked"));
      ask(input, "Describe the picture.");
      until("an end", () -> !status.getText().equals("asked"));
    }
    words.getDocument().removeDocumentListener(presser);
    until("it says so", () -> status.getText().startsWith("cancelled") || status.getText().contains("cancel"));
  }

  private static void savedAndOpened(Desktop window, JTextPane words) throws Exception {
    Path folder = Support.folder();
    String before = words.getText();
    Path file = folder.resolve("会話 💬");
    window.save(file);
    until("the file", () -> Files.exists(file));
    SwingUtilities.invokeAndWait(() -> words.setText(""));
    window.open(file);
    until("the conversation", () -> words.getText().startsWith(Support.QUESTION));
    Support.check(before.startsWith(Support.QUESTION), before);
    Support.remove(folder);
  }

  /** An answer that is there already: its question comes back into the input, and its picture goes with it again. */
  private static void takenBack(Robot robot, Desktop window, JTextPane words, JTextField input, JLabel status) throws Exception {
    drop(all(window.frame().getContentPane(), PicturePanel.class).get(0), Support.PICTURE.toFile());
    for (int i = 0; i < 2; i++) {
      ask(input, Support.QUESTION);
      until("the answer", () -> words.getText().endsWith("?\nfour") && status.getText().startsWith("stop"));
      String before = words.getText();
      click(robot, window, "Take back");
      until("it is back", () -> status.getText().equals("Taken back.") && input.getText().equals(Support.QUESTION));
      Support.check(words.getText().length() < before.length(), words.getText());
    }
    SwingUtilities.invokeAndWait(() -> input.setText(""));
  }

  private static void picture(Robot robot, Desktop window, JTextPane words, JTextField input, JLabel status, JComponent place)
      throws Exception {
    String file = System.getProperty("screenshot");
    if (file == null) return;
    Desktop[] made = new Desktop[1]; // a fresh one, with a tidy conversation
    SwingUtilities.invokeAndWait(() -> {
      window.frame().setVisible(false);
      made[0] = new Desktop(Support.scenes());
      made[0].frame().setVisible(true);
    });
    Container inside = made[0].frame().getContentPane();
    drop(all(inside, PicturePanel.class).get(0), Support.SCENES.resolve("examples/dotted.png").toFile());
    JTextPane said = all(inside, JTextPane.class).get(0);
    JLabel line = all(inside, JLabel.class).get(0);
    for (String question : List.of("Describe the picture.", Support.QUESTION)) {
      SwingUtilities.invokeAndWait(() -> line.setText(""));
      ask(all(inside, JTextField.class).get(0), question);
      until("the answer", () -> line.getText().startsWith("stop"));
    }
    robot.mouseMove(990, 630); // off the buttons
    robot.waitForIdle();
    Rectangle bounds = new Rectangle(made[0].frame().getLocationOnScreen(), made[0].frame().getSize());
    BufferedImage shot = robot.createScreenCapture(bounds);
    ImageIO.write(shot, "png", new File(file));
    Support.check(said.getText().length() > 20);
    SwingUtilities.invokeAndWait(made[0]::close);
  }

  /** Something is on the screen, which was empty before. */
  static void itStartsAsTheReadmeSays() throws Exception {
    Robot robot = new Robot();
    Rectangle screen = new Rectangle(java.awt.Toolkit.getDefaultToolkit().getScreenSize());
    Support.check(colours(robot, screen) < 10, "another window is open");
    Process started = new ProcessBuilder("examples/desktop/start", Support.SCENES.toString(), Support.PICTURE.toString()).inheritIO().start();
    try {
      for (int i = 0; i < 300 && colours(robot, screen) < 100 && started.isAlive(); i++) Thread.sleep(100);
      Support.check(colours(robot, screen) >= 100, "no window");
    } finally {
      started.destroy();
      started.waitFor();
    }
  }

  private static long colours(Robot robot, Rectangle screen) {
    BufferedImage shot = robot.createScreenCapture(screen);
    return java.util.Arrays.stream(shot.getRGB(0, 0, shot.getWidth(), shot.getHeight(), null, 0, shot.getWidth())).distinct().count();
  }

  /** A talk without a window: an answer is stopped and kept, or taken back, after its third piece. */
  static void aTalkIsStoppedOrTakenBackInTheMiddle() throws Exception {
    for (boolean keep : new boolean[] {true, false}) {
      List<String> heard = java.util.Collections.synchronizedList(new ArrayList<>());
      Talk[] talk = new Talk[1];
      talk[0] = new Talk(Support.scenes(), new Talk.Listener() {
        @Override
        public void begin(String question) {
          heard.add("begin");
        }

        @Override
        public void text(String piece) {
          heard.add("text");
          if (heard.size() == 4 && keep) talk[0].stop();
          if (heard.size() == 4 && !keep) talk[0].discard();
        }

        @Override
        public void end(Response answer) {
          heard.add((answer.text().equals("four") ? "four: " : "") + "end " + answer.finishReason());
        }

        @Override
        public void back(String why, String question, Image picture) {
          heard.add(why + " " + question + " " + (picture == null ? "" : picture.width()));
        }

        @Override
        public void failed(String why) {
          heard.add("failed " + why);
        }

        @Override
        public void show(List<Message> turns) {
          heard.add("turns " + turns.size());
        }
      });
      talk[0].picture(Image.of(Support.PICTURE));
      talk[0].ask("Describe the picture.");
      String last = keep ? "end CANCELLED" : "Taken back. Describe the picture. 336";
      for (int i = 0; i < 1000 && !heard.contains(last); i++) Thread.sleep(2);
      Support.equal(heard, List.of("begin", "text", "text", "text", last));
      if (!keep) talk[0].ask(Support.QUESTION); // the picture goes with it
      for (int i = 0; i < 1000 && !keep && !heard.contains("four: end STOP"); i++) Thread.sleep(2);
      Support.check(keep || heard.contains("four: end STOP"), heard);
      talk[0].close();
    }
  }
}
