// A window to talk about pictures: java -cp CLASSES Desktop MODEL [PICTURE]
// Drop a picture, paste or open one; ask; stop, take back, ask again; save the conversation and open it later.
import java.awt.BorderLayout;
import java.awt.Color;
import java.awt.Dimension;
import java.awt.Font;
import java.awt.datatransfer.DataFlavor;
import java.awt.datatransfer.Transferable;
import java.awt.event.ActionListener;
import java.awt.image.BufferedImage;
import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.swing.BorderFactory;
import javax.swing.Box;
import javax.swing.JButton;
import javax.swing.JComponent;
import javax.swing.JFileChooser;
import javax.swing.JFrame;
import javax.swing.JLabel;
import javax.swing.JPanel;
import javax.swing.JScrollPane;
import javax.swing.JTextField;
import javax.swing.JTextPane;
import javax.swing.JToolBar;
import javax.swing.SwingUtilities;
import javax.swing.TransferHandler;
import javax.swing.UIManager;
import javax.swing.WindowConstants;
import javax.swing.text.BadLocationException;
import javax.swing.text.Document;
import javax.swing.text.SimpleAttributeSet;
import javax.swing.text.StyleConstants;
import org.llava.Image;
import org.llava.Llava;
import org.llava.LlavaException;
import org.llava.Message;
import org.llava.Model;
import org.llava.Response;
import org.llava.awt.BufferedImages;

final class Desktop implements Talk.Listener {
  private static final Color ACCENT = new Color(0x1F5FA8);
  private final JFrame frame = new JFrame("llava");
  private final PicturePanel picture = new PicturePanel();
  private final JTextPane words = new JTextPane();
  private final JTextField input = new JTextField();
  private final JLabel status = new JLabel("Drop a picture, then ask.");
  private final JButton stop;
  private final JButton again;
  private final Talk talk;

  Desktop(Model model) {
    talk = new Talk(model, this);
    words.setEditable(false);
    words.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 15));
    input.setFont(words.getFont());
    input.setName("question");
    input.addActionListener(event -> ask());
    JToolBar bar = new JToolBar();
    bar.setFloatable(false);
    button(bar, "Open picture", event -> choose(false, path -> use(path)));
    button(bar, "Paste", event -> input.getTransferHandler().importData(input, frame.getToolkit().getSystemClipboard().getContents(null)));
    bar.addSeparator();
    stop = button(bar, "Stop", event -> talk.stop());
    button(bar, "Take back", event -> talk.discard());
    again = button(bar, "Ask again", event -> talk.again());
    bar.add(Box.createHorizontalGlue());
    button(bar, "Save", event -> choose(true, talk::save));
    button(bar, "Open", event -> choose(false, talk::open));
    for (JComponent target : List.of(picture, words, input)) target.setTransferHandler(new Drop(target.getTransferHandler()));
    JPanel talkPanel = new JPanel(new BorderLayout(0, 8));
    talkPanel.add(new JScrollPane(words), BorderLayout.CENTER);
    talkPanel.add(input, BorderLayout.SOUTH);
    JPanel all = new JPanel(new BorderLayout(10, 8));
    all.setBorder(BorderFactory.createEmptyBorder(8, 10, 8, 10));
    all.add(bar, BorderLayout.NORTH);
    all.add(picture, BorderLayout.WEST);
    all.add(talkPanel, BorderLayout.CENTER);
    all.add(status, BorderLayout.SOUTH);
    busy(false);
    frame.setContentPane(all);
    frame.setDefaultCloseOperation(WindowConstants.DISPOSE_ON_CLOSE);
    frame.setPreferredSize(new Dimension(920, 520));
    frame.pack();
    input.requestFocusInWindow();
  }

  JFrame frame() {
    return frame;
  }

  private static JButton button(JToolBar bar, String text, ActionListener action) {
    JButton button = new JButton(text);
    button.setName(text);
    button.addActionListener(action);
    bar.add(button);
    return button;
  }

  private void choose(boolean save, java.util.function.Consumer<Path> then) {
    JFileChooser chooser = new JFileChooser();
    int answer = save ? chooser.showSaveDialog(frame) : chooser.showOpenDialog(frame);
    if (answer == JFileChooser.APPROVE_OPTION) then.accept(chooser.getSelectedFile().toPath());
  }

  /** Pictures from the clipboard or dropped, as files or as pixels; everything else goes where it went before. */
  private final class Drop extends TransferHandler {
    private static final long serialVersionUID = 1;
    private final transient TransferHandler other;

    Drop(TransferHandler other) {
      this.other = other;
    }

    @Override
    public boolean canImport(TransferSupport support) {
      return support.isDataFlavorSupported(DataFlavor.javaFileListFlavor)
          || support.isDataFlavorSupported(DataFlavor.imageFlavor) || other != null && other.canImport(support);
    }

    @Override
    public boolean importData(TransferSupport support) {
      Transferable data = support.getTransferable();
      try {
        if (data.isDataFlavorSupported(DataFlavor.javaFileListFlavor)) {
          List<?> files = (List<?>) data.getTransferData(DataFlavor.javaFileListFlavor);
          return !files.isEmpty() && use(((File) files.get(0)).toPath());
        }
        if (data.isDataFlavorSupported(DataFlavor.imageFlavor)) {
          return use(BufferedImages.toImage((BufferedImage) data.getTransferData(DataFlavor.imageFlavor)));
        }
      } catch (java.io.IOException | java.awt.datatransfer.UnsupportedFlavorException error) {
        status.setText(error.toString());
        return false;
      }
      return other != null && other.importData(support);
    }

    @Override
    public void exportToClipboard(JComponent from, java.awt.datatransfer.Clipboard to, int action) {
      if (other != null) other.exportToClipboard(from, to, action);
    }
  }

  boolean use(Path path) {
    try {
      return use(Image.of(path));
    } catch (LlavaException error) {
      status.setText(error.getMessage());
      return false;
    }
  }

  private boolean use(Image image) {
    picture.show(BufferedImages.of(image));
    talk.picture(image);
    status.setText(image.width() + " x " + image.height() + ": ask something about it.");
    return true;
  }

  private void ask() {
    if (input.getText().isBlank()) return;
    talk.ask(input.getText().strip());
    input.setText("");
  }

  void save(Path path) {
    talk.save(path);
  }

  void open(Path path) {
    talk.open(path);
  }

  private void busy(boolean on) {
    stop.setEnabled(on);
    again.setEnabled(!on);
  }

  private void write(String text, boolean mine) {
    SimpleAttributeSet style = new SimpleAttributeSet();
    StyleConstants.setBold(style, mine);
    StyleConstants.setForeground(style, mine ? ACCENT : Color.BLACK);
    Document document = words.getDocument();
    try {
      document.insertString(document.getLength(), text, style);
    } catch (BadLocationException error) {
      throw new IllegalStateException(error); // the end of a document is a place in it
    }
    words.setCaretPosition(document.getLength());
  }

  private void forget(int from) {
    Document document = words.getDocument();
    try {
      document.remove(from, document.getLength() - from); // replaceSelection() does nothing in a pane nobody may edit
    } catch (BadLocationException error) {
      throw new IllegalStateException(error); // a place in it
    }
  }

  private int mark; // where the last question begins

  @Override
  public void begin(String question) {
    SwingUtilities.invokeLater(() -> {
      busy(true);
      mark = words.getDocument().getLength();
      write((mark > 0 ? "\n\n" : "") + question + "\n", true);
    });
  }

  @Override
  public void text(String piece) {
    SwingUtilities.invokeLater(() -> write(piece, false));
  }

  @Override
  public void end(Response answer) {
    double megabytes = Llava.deviceMemory("cpu").usedBytes() / 1e6;
    String line = String.format(Locale.ROOT, "%s, %d tokens; first after %.0f ms, then %.0f a second; %.0f MB in use",
        answer.finishReason().jsonName(), answer.usage().completionTokens(), answer.usage().firstTokenMs(),
        answer.usage().tokensPerSecond(), megabytes);
    SwingUtilities.invokeLater(() -> {
      busy(false);
      status.setText(line);
    });
  }

  @Override
  public void back(String why, String question, Image image) {
    BufferedImage shown = image == null ? null : BufferedImages.of(image);
    SwingUtilities.invokeLater(() -> {
      forget(mark);
      if (input.getText().isBlank()) input.setText(question);
      if (shown != null) picture.show(shown);
      busy(false);
      status.setText(why);
    });
  }

  @Override
  public void failed(String why) {
    SwingUtilities.invokeLater(() -> status.setText(why));
  }

  @Override
  public void show(List<Message> turns) {
    SwingUtilities.invokeLater(() -> {
      words.setText("");
      for (Message turn : turns) {
        boolean mine = turn.role() == Message.Role.USER;
        write((mine && words.getDocument().getLength() > 0 ? "\n\n" : "") + turn.text() + (mine ? "\n" : ""), mine);
      }
    });
  }

  void close() {
    frame.dispose();
    talk.close();
  }

  public static void main(String[] arguments) throws Exception {
    for (UIManager.LookAndFeelInfo look : UIManager.getInstalledLookAndFeels()) {
      if (look.getName().equals("Nimbus")) UIManager.setLookAndFeel(look.getClassName());
    }
    Model model = Model.load(Path.of(arguments[0]));
    SwingUtilities.invokeLater(() -> {
      Desktop desktop = new Desktop(model);
      if (arguments.length > 1) desktop.use(Path.of(arguments[1]));
      desktop.frame().setVisible(true);
      desktop.frame().addWindowListener(new java.awt.event.WindowAdapter() {
        @Override
        public void windowClosed(java.awt.event.WindowEvent event) {
          desktop.talk.close();
          model.close(); // sessions keep it alive until they are closed
        }
      });
    });
  }
}
