import java.awt.Color;
import java.awt.Dimension;
import java.awt.Graphics;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import javax.swing.BorderFactory;
import javax.swing.JPanel;

/** Shows a picture as large as its place, or says that one may be dropped there. */
final class PicturePanel extends JPanel {
  private static final long serialVersionUID = 1;
  private transient BufferedImage picture;

  PicturePanel() {
    setPreferredSize(new Dimension(340, 340));
    setBorder(BorderFactory.createLineBorder(new Color(0xB8C4D0)));
    setBackground(new Color(0xF4F6F8));
  }

  void show(BufferedImage image) {
    picture = image;
    repaint();
  }

  @Override
  protected void paintComponent(Graphics graphics) {
    super.paintComponent(graphics);
    Graphics2D pen = (Graphics2D) graphics;
    if (picture == null) {
      pen.setColor(Color.GRAY);
      String words = "Drop a picture here";
      pen.drawString(words, (getWidth() - pen.getFontMetrics().stringWidth(words)) / 2, getHeight() / 2);
      return;
    }
    pen.setRenderingHint(RenderingHints.KEY_INTERPOLATION, RenderingHints.VALUE_INTERPOLATION_BILINEAR);
    double scale = Math.min((getWidth() - 16.0) / picture.getWidth(), (getHeight() - 16.0) / picture.getHeight());
    int width = (int) (picture.getWidth() * scale);
    int height = (int) (picture.getHeight() * scale);
    pen.drawImage(picture, (getWidth() - width) / 2, (getHeight() - height) / 2, width, height, null);
  }
}
