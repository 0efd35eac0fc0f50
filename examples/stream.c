/* A conversation, word by word: stream MODEL PICTURE QUESTION...
 *
 * The picture belongs to the first question and is encoded once; every later question computes only its own tokens. A stream
 * is pulled: the work is done inside llava_stream_next(), on the thread that calls it. */
#include <llava/llava.h>
#include <stdio.h>

static llava_status say(llava_session *session, const llava_message *message, llava_usage *usage) {
  llava_stream *stream = NULL;
  llava_event *event = NULL;
  llava_response *answer = NULL;
  llava_status status = llava_chat_start(session, message, NULL, &stream);
  while (status == LLAVA_OK && (status = llava_stream_next(stream, -1, &event)) == LLAVA_OK) {
    size_t size = 0;
    const char *text = llava_event_text(event, &size); /* "" for events without text, never half a character */
    fwrite(text, 1, size, stdout);
    fflush(stdout);
    llava_event_free(event);
  }
  if (status == LLAVA_END) status = llava_stream_finish(stream, &answer);
  usage->struct_size = sizeof *usage;
  if (status == LLAVA_OK) status = llava_response_usage(answer, usage);
  llava_response_free(answer);
  llava_stream_free(stream);
  return status;
}

int main(int argc, char **argv) {
  llava_model *model = NULL;
  llava_image *image = NULL;
  llava_session *session = NULL;
  llava_status status;
  int i;
  if (argc < 4) {
    fprintf(stderr, "usage: stream MODEL PICTURE QUESTION...\n");
    return 1;
  }
  status = llava_load(argv[1], NULL, &model);
  if (status == LLAVA_OK) status = llava_image_from_file(argv[2], NULL, &image);
  if (status == LLAVA_OK) status = llava_session_create(model, NULL, &session);
  for (i = 3; i < argc && status == LLAVA_OK; ++i) {
    llava_message *message = NULL;
    llava_usage usage;
    status = llava_message_create(LLAVA_ROLE_USER, &message);
    if (status == LLAVA_OK && i == 3) status = llava_message_add_image(message, image);
    if (status == LLAVA_OK) status = llava_message_add_text(message, argv[i]);
    printf("> %s\n", argv[i]);
    if (status == LLAVA_OK) status = say(session, message, &usage);
    if (status == LLAVA_OK)
      printf("\n  (%lld of %lld prompt tokens were there already)\n", (long long)usage.cached_tokens,
             (long long)usage.prompt_tokens);
    llava_message_free(message);
  }
  if (status != LLAVA_OK) fprintf(stderr, "%s\n", llava_last_error());
  llava_session_free(session);
  llava_image_free(image);
  llava_model_free(model);
  return status != LLAVA_OK;
}
