/* What a token costs that is pulled through llava_stream_next(): stream_cost MODEL ROUNDS. Prints the microseconds of the calling
 * thread a token, the smallest of the rounds. One thread computes, so that its time is all there is. */
#include <llava/llava.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TOKENS = 300 };

static double thread_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int one_round(llava_session* session, const llava_message* message, const llava_chat_options* options,
                     double* us) {
  llava_stream* stream = NULL;
  llava_event* event = NULL;
  int failed = llava_session_reset(session) || llava_chat_start(session, message, options, &stream);
  const double begin = thread_us();
  llava_status status = LLAVA_OK;
  while (!failed && (status = llava_stream_next(stream, -1, &event)) == LLAVA_OK) {
    size_t size = 0;
    (void)llava_event_text(event, &size);
    llava_event_free(event);
  }
  *us = (thread_us() - begin) / TOKENS;
  llava_stream_free(stream);
  return failed || status != LLAVA_END;
}

int main(int argc, char** argv) {
  llava_model* model = NULL;
  llava_session* session = NULL;
  llava_message* message = NULL;
  llava_chat_options options;
  double best = 1e30, us = 0;
  int round, failed = argc != 3 || llava_load(argv[1], NULL, &model) || llava_set_threads(1) ||
                      llava_session_create(model, NULL, &session) || llava_message_create(LLAVA_ROLE_USER, &message) ||
                      llava_message_add_text(message, "hi") || llava_chat_options_init(&options, sizeof options);
  if (!failed) {
    options.ignore_eos = 1;
    options.temperature = 0;
    options.max_tokens = TOKENS;
  }
  for (round = 0; !failed && round < atoi(argv[2]); ++round) {
    failed = one_round(session, message, &options, &us);
    if (us < best) best = us;
  }
  if (failed)
    fprintf(stderr, "stream_cost: %s\n", argc != 3 ? "usage: stream_cost MODEL ROUNDS" : llava_last_error());
  else
    printf("%.2f\n", best);
  llava_message_free(message);
  llava_session_free(session);
  llava_model_free(model);
  return failed;
}
