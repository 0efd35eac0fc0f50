/* A conversation about pictures in the terminal: chat MODEL
 * /image FILE  a picture for the next question      /again  another answer to the last one
 * Ctrl-C       stops the answer, what was said stays       Ctrl-D  leaves */
#define _POSIX_C_SOURCE 200809L /* sigaction() also under -std=c99, where signal() would forget the handler after one Ctrl-C */
#include <llava/llava.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static llava_cancel *stop = NULL;

static void on_interrupt(int number) {
  (void)number;
  llava_cancel_cancel(stop); /* takes no lock and no memory: right in a signal handler */
}

static int32_t show(const llava_event *event, void *output) {
  return fputs(llava_event_text(event, NULL), output) >= 0 && fflush(output) == 0 ? LLAVA_EVENT_CONTINUE : LLAVA_EVENT_STOP;
}

static void ask(llava_session *session, llava_message *message, const char *text) {
  llava_chat_options options;
  llava_response *answer = NULL;
  llava_chat_options_init(&options, sizeof options);
  options.event = show;
  options.event_user_data = stdout;
  options.cancel = stop;
  options.on_cancel = LLAVA_CANCEL_KEEP;
  if (llava_cancel_reset(stop) /* a Ctrl-C at the prompt was not meant for this answer */ ||
      (text && llava_message_add_text(message, text)) || llava_chat(session, message, &options, &answer))
    puts(llava_last_error()); /* nothing has changed: the next question may come */
  else
    puts(llava_response_finish_reason(answer, 0) == LLAVA_FINISH_CANCELLED ? " (stopped)" : "");
  llava_response_free(answer);
}

int main(int argc, char **argv) {
  llava_model *model = NULL;
  llava_session *session = NULL;
  llava_message *message = NULL;
  struct sigaction interrupt = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
  char line[4096];
  int failed = argc != 2 || llava_load(argv[1], NULL, &model) || llava_session_create(model, NULL, &session) ||
               llava_message_create(LLAVA_ROLE_USER, &message) || llava_cancel_create(&stop);
  if (!failed) sigaction(SIGINT, &interrupt, NULL);
  while (!failed && fputs("> ", stdout) >= 0 && fflush(stdout) == 0 && fgets(line, sizeof line, stdin)) {
    llava_image *image = NULL;
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "/image ", 7) == 0) {
      if (llava_image_from_file(line + 7, NULL, &image) || llava_message_add_image(message, image))
        puts(llava_last_error());
      llava_image_free(image); /* the message shares it */
    } else if (strcmp(line, "/again") == 0) {
      if (llava_session_rewind(session, llava_session_turn_count(session) - 1))
        puts("nothing was asked yet");
      else
        ask(session, NULL, NULL);
    } else if (line[0]) {
      ask(session, message, line);
      failed = llava_message_clear(message) != LLAVA_OK;
    }
  }
  if (failed) fprintf(stderr, "%s\n", argc != 2 ? "usage: chat MODEL" : llava_last_error());
  llava_message_free(message);
  llava_session_free(session);
  llava_model_free(model);
  llava_cancel_free(stop);
  return failed;
}
