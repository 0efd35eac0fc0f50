/**
 * Visual instruction tuning (LLaVA): a picture and a question in, the answer out, word by word.
 *
 * <pre>{@code
 * try (Model model = Model.load(Path.of("llava-1.5-7b-hf")); Session session = model.session();
 *     Image picture = Image.of(Path.of("cat.jpg"));
 *     Stream stream = session.stream(Message.user(picture, "What is this?"))) {
 *   for (Event event : stream) System.out.print(event.text());
 * }
 * }</pre>
 *
 * <p>{@link Model}, {@link Image}, {@link Embedding}, {@link Session}, {@link Stream}, {@link Decoder}, {@link Adapter}, {@link
 * Trainer} and {@link CancelToken} hold memory of the library: {@code close()} them, in any order. All others are plain values.
 * Any number of threads may use an object at the same time, but a session, stream or decoder serves one: the second gets {@link
 * LlavaException.Busy}. Failures are {@link LlavaException}, one subclass a {@link Status}; use after {@code close()} is an
 * {@link IllegalStateException}.
 */
package org.llava;
