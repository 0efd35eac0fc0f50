package org.llava;

/**
 * What a model can take.
 *
 * @param context  positions a session may hold
 * @param tokensPerImage  positions one picture takes, the most where that depends on its size
 * @param imageSize  side of the square the vision tower sees, in pixels
 * @param vocabulary  token ids are 0 ... vocabulary - 1
 * @param width  of the language model
 * @param layers  blocks of the language model
 * @param visionWidth  of the vision tower
 * @param visionLayers  blocks of the vision tower
 * @param imageCount  pictures one message may hold
 */
public record Limits(int context, int tokensPerImage, int imageSize, int vocabulary, int width, int layers,
    int visionWidth, int visionLayers, int imageCount) {
  static Limits of(llava_limits of) {
    return new Limits(of.getContext(), of.getTokens_per_image(), of.getImage_size(), of.getVocabulary(), of.getWidth(),
        of.getLayers(), of.getVision_width(), of.getVision_layers(), of.getImage_count());
  }
}
