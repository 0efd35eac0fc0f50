package org.llava;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.StreamSupport;

/**
 * A file of training data: LLaVA's JSON or JSONL of conversations about pictures.
 *
 * @param path  the data file
 */
public record Dataset(Path path) {
  /**
   * The records in their order, read one by one: the file may be larger than memory.
   *
   * @return to be closed, as it holds the file
   * @throws UncheckedIOException for a file that cannot be read
   * @throws LlavaException.Format here or on the way, for what is no list of records or JSONL
   */
  public java.util.stream.Stream<TrainRecord> records() {
    RecordReader reader = new RecordReader(path);
    return StreamSupport.stream(Spliterators.spliteratorUnknownSize(reader, Spliterator.ORDERED | Spliterator.NONNULL), false)
        .onClose(reader::close);
  }

  /**
   * Reads it as a run would, with the eyes of a model.
   *
   * @param model  folder of the model it is for
   * @param options  null for defaults
   * @return records, usable, unusable, problems, bad (every record that cannot be used), tokens, learned_tokens, ...
   */
  public Map<String, Object> check(Path model, DatasetOptions options) {
    byte[][] out = new byte[1][];
    try (Use use = new Use();
        Filled<llava_dataset_options> filled = DatasetOptions.fill(options, use)) {
      filled.during(() -> Native.llava_dataset_check(path.toString(), model.toString(), filled.struct, out));
    }
    return Json.object(Text.string(out[0]));
  }
}
