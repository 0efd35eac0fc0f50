/* The conversation of README.md beside this file, in C: conversation MODEL PICTURES WORK */
#include <llava/llava.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

static const char *const kHowMany = "How many shapes are there?";
static const char *const kDescribe = "Describe the picture.";
static const char *const kEventNames[] = {"image_encoded", "prefill", "text", "token", "done"};

static llava_model *model = NULL;
static llava_image *dotted = NULL;
static llava_image *striped = NULL;
static char folder_of_model[4096], folder_of_pictures[4096], folder_of_work[4096];

static llava_message *message_of(int32_t role, const llava_image *image, const char *text) {
  llava_message *message = NULL;
  must(llava_message_create(role, &message));
  if (image) must(llava_message_add_image(message, image));
  if (text) must(llava_message_add_text(message, text));
  return message;
}

static llava_session *new_session(void) {
  llava_session *session = NULL;
  must(llava_session_create(model, NULL, &session));
  return session;
}

static llava_status try_chat(llava_session *session, const llava_image *image, const char *text,
                             const llava_chat_options *options, llava_response **out) {
  llava_message *message = message_of(LLAVA_ROLE_USER, image, text);
  llava_status status = llava_chat(session, message, options, out);
  llava_message_free(message);
  return status;
}

static void chat(const char *name, llava_session *session, const llava_image *image, const char *text) {
  llava_chat_options options = greedy(64);
  llava_response *response = NULL;
  must(try_chat(session, image, text, &options, &response));
  say_response(name, response);
  llava_response_free(response);
}

static llava_stream *start(llava_session *session, const char *text, const llava_chat_options *options) {
  llava_message *message = message_of(LLAVA_ROLE_USER, NULL, text);
  llava_stream *stream = NULL;
  must(llava_chat_start(session, message, options, &stream));
  llava_message_free(message);
  return stream;
}

/* Pulls to the end: the names of the events and the joined text. */
static void stream(const char *name, llava_session *session, const char *text, const llava_chat_options *options) {
  llava_stream *answer = start(session, text, options);
  llava_response *response = NULL;
  llava_event *event = NULL;
  llava_status status;
  char joined[4096] = "";
  printf("%s.events:", name);
  while ((status = llava_stream_next(answer, -1, &event)) == LLAVA_OK) {
    printf(" %s", kEventNames[llava_event_type(event)]);
    strncat(joined, llava_event_text(event, NULL), sizeof joined - strlen(joined) - 1);
    llava_event_free(event);
  }
  printf("\n");
  if (status != LLAVA_END) must(status);
  must(llava_stream_finish(answer, &response));
  say_text(name, ".joined", joined);
  say_response(name, response);
  llava_response_free(response);
  llava_stream_free(answer);
}

/* Pulls until so many tokens have come. */
static void pull_tokens(llava_stream *answer, int wanted) {
  llava_event *event = NULL;
  while (wanted > 0) {
    must(llava_stream_next(answer, -1, &event));
    if (llava_event_type(event) == LLAVA_EVENT_TEXT || llava_event_type(event) == LLAVA_EVENT_TOKEN) --wanted;
    llava_event_free(event);
  }
}

static void three_turns(llava_session *session) {
  llava_chat_options options = greedy(64);
  llava_session_usage stats;
  chat("turn1", session, dotted, kHowMany);
  stream("turn2", session, "Describe the picture. \xF0\x9F\x94\xB4 \xE7\xB5\xB5",
         &options); /* a red circle, "picture" */
  chat("turn3", session, striped, kHowMany);
  stats.struct_size = sizeof stats;
  must(llava_session_stats(session, &stats));
  say_number("session", ".turns", stats.turns);
  say_number("session", ".positions", stats.tokens);
  say_number("session", ".limit", stats.limit);
  say_number("session", ".encoded", stats.images_encoded);
}

static void rewind_and_fork(llava_session *session, llava_session **fork) {
  must(llava_session_rewind(session, 4));
  say_number("rewind", ".turns", llava_session_turn_count(session));
  chat("rewind", session, striped, "Is there a cross?");
  must(llava_session_fork(session, fork));
  chat("fork", *fork, NULL, kDescribe);
  say_number("fork", ".turns", llava_session_turn_count(*fork));
  say_number("original", ".turns", llava_session_turn_count(session));
}

static void cancel_keeping(llava_session *session) {
  llava_chat_options options = greedy(64);
  llava_response *response = NULL;
  llava_stream *answer;
  options.on_cancel = LLAVA_CANCEL_KEEP;
  answer = start(session, kDescribe, &options);
  pull_tokens(answer, 3);
  must(llava_stream_cancel(answer));
  must(llava_stream_finish(answer, &response));
  say_response("keep", response);
  say_number("keep", ".turns", llava_session_turn_count(session));
  llava_response_free(response);
  llava_stream_free(answer);
}

static void cancel_rolling_back(llava_session *session) {
  llava_chat_options options = greedy(64);
  llava_cancel *cancel = NULL;
  llava_event *event = NULL;
  llava_stream *answer;
  llava_status status;
  must(llava_cancel_create(&cancel));
  options.cancel = cancel;
  answer = start(session, kDescribe, &options);
  pull_tokens(answer, 2);
  must(llava_cancel_cancel(cancel));
  while ((status = llava_stream_next(answer, -1, &event)) == LLAVA_OK) llava_event_free(event);
  say_text("rollback", ".status", llava_status_name(status));
  llava_stream_free(answer);
  say_number("rollback", ".turns", llava_session_turn_count(session));
  llava_cancel_free(cancel);
}

/* A stream that is cancelled before its first event keeps nothing. */
static void cancel_at_once(llava_session *session) {
  llava_chat_options options = greedy(64);
  llava_event *event = NULL;
  llava_stream *answer;
  options.on_cancel = LLAVA_CANCEL_KEEP;
  answer = start(session, kDescribe, &options);
  must(llava_stream_cancel(answer));
  say_text("at_once", ".status", llava_status_name(llava_stream_next(answer, -1, &event)));
  llava_stream_free(answer);
  say_number("at_once", ".turns", llava_session_turn_count(session));
}

/* Makes the model say an emoji, byte by byte: greater and smaller biases, and a penalty that takes each back once used. */
static void emoji_answer(llava_session *session) {
  static const float biases[] = {4000, 3000, 2000, 1000};
  llava_chat_options options = greedy(4);
  int32_t ids[MOST_IDS];
  size_t count = 0;
  must(llava_tokenize(model, "\xF0\x9F\x99\x82", 0, ids, MOST_IDS, &count));
  say_ids("emoji", ".tokenized", ids, count);
  options.bias_ids = ids + count - 4;
  options.bias_values = biases;
  options.bias_count = 4;
  options.repetition_penalty = 100;
  stream("emoji", session, kHowMany, &options);
}

static void append(llava_session *session) {
  llava_message *question = message_of(LLAVA_ROLE_USER, NULL, "\xF0\x9F\x91\x8B\xF0\x9F\x8F\xBD \xE7\x8C\xAB");
  llava_message *answer = message_of(LLAVA_ROLE_ASSISTANT, NULL,
                                     "Gr\xC3\xBC\xC3\x9F"
                                     "e \xF0\x9F\x90\x88\xE2\x80\x8D\xE2\xAC\x9B");
  llava_message *turn = NULL;
  must(llava_session_append(session, question, NULL));
  must(llava_session_append(session, answer, NULL));
  must(llava_session_turn(session, 3, &turn));
  say_text("append", ".text", llava_message_text(turn, 0, NULL));
  say_number("append", ".turns", llava_session_turn_count(session));
  llava_message_free(turn);
  llava_message_free(answer);
  llava_message_free(question);
}

static void save_and_load(llava_session *session) {
  char path[4200];
  llava_session *loaded = NULL;
  sprintf(path,
          "%s/Gespr\xC3\xA4"
          "ch \xF0\x9F\x92\xAC \xE5\xAF\xBE\xE8\xA9\xB1.session",
          folder_of_work);
  must(llava_session_save(session, path));
  must(llava_session_load(model, path, &loaded));
  chat("saved", loaded, NULL, kDescribe);
  say_number("saved", ".turns", llava_session_turn_count(loaded));
  llava_session_free(loaded);
}

static void embedding(void) {
  llava_session *session = new_session();
  llava_message *message = message_of(LLAVA_ROLE_USER, NULL, NULL);
  llava_chat_options options = greedy(64);
  llava_embedding *rows = NULL;
  llava_embedding_desc desc;
  llava_response *response = NULL;
  desc.struct_size = sizeof desc;
  must(llava_encode_image(model, dotted, NULL, &rows));
  must(llava_embedding_info(rows, &desc));
  say_number("embedding", ".tokens", desc.tokens);
  say_number("embedding", ".width", desc.width);
  must(llava_message_add_embedding(message, rows));
  must(llava_message_add_text(message, kHowMany));
  must(llava_chat(session, message, &options, &response));
  say_response("embedding", response);
  llava_response_free(response);
  llava_embedding_free(rows);
  llava_message_free(message);
  llava_session_free(session);
}

static void reason(const char *name, int64_t max_context, const llava_chat_options *options) {
  llava_session_options how;
  llava_session *session = NULL;
  llava_response *response = NULL;
  must(llava_session_options_init(&how, sizeof how));
  how.max_context = max_context;
  must(llava_session_create(model, &how, &session));
  must(try_chat(session, dotted, kDescribe, options, &response));
  say_response(name, response);
  llava_response_free(response);
  llava_session_free(session);
}

static void reasons(void) {
  static const char *const stop[] = {" shapes"};
  llava_chat_options options = greedy(5);
  reason("length", 0, &options);
  options = greedy(64);
  options.stop = stop;
  options.stop_count = 1;
  reason("stop_string", 0, &options);
  options = greedy(64);
  reason("context", 64, &options);
}

static void say_error(const char *name, llava_status status) { say_text("error.", name, llava_status_name(status)); }

static void errors_of_files(void) {
  char path[4200];
  llava_model *no_model = NULL;
  llava_image *image = NULL;
  llava_session *session = NULL;
  sprintf(path, "%s/no such model \xF0\x9F\x98\xBF", folder_of_model);
  say_error("missing_model", llava_load(path, NULL, &no_model));
  say_error("not_a_model", llava_load(folder_of_work, NULL, &no_model));
  sprintf(path, "%s/no such picture.png", folder_of_pictures);
  say_error("missing_picture", llava_image_from_file(path, NULL, &image));
  sprintf(path, "%s/config.json", folder_of_model);
  say_error("broken_picture", llava_image_from_file(path, NULL, &image));
  sprintf(path, "%s/model.safetensors", folder_of_model);
  say_error("not_a_session", llava_session_load(model, path, &session));
  say_error("empty_picture", llava_image_from_memory("", 0, NULL, &image));
  say_error("remote_picture", llava_image_from_data_uri("https://example.org/cat.png", NULL, &image));
}

static void chat_error(const char *name, const llava_chat_options *options, const char *text) {
  llava_session *session = new_session();
  llava_response *response = NULL;
  say_error(name, try_chat(session, NULL, text, options, &response));
  if (llava_session_turn_count(session) != 0) say_number("error.", name, llava_session_turn_count(session));
  llava_session_free(session);
}

static void errors_of_options(void) {
  llava_chat_options options = greedy(0);
  llava_session_options how;
  llava_session *session = NULL;
  chat_error("bad_max_tokens", &options, kHowMany);
  options = greedy(64);
  options.temperature = 1000;
  chat_error("bad_temperature", &options, kHowMany);
  options = greedy(64);
  options.adapter = "no such adapter";
  chat_error("missing_adapter", &options, kHowMany);
  must(llava_session_options_init(&how, sizeof how));
  how.template_name = "no such template";
  say_error("missing_template", llava_session_create(model, &how, &session));
  how.template_name = NULL;
  how.max_context = 1000000;
  say_error("bad_context", llava_session_create(model, &how, &session));
}

static void errors_of_chat(void) {
  char words[4 * 700 + 1] = "";
  llava_chat_options options = greedy(64);
  llava_cancel *cancel = NULL;
  int i;
  chat_error("empty_message", &options, NULL);
  for (i = 0; i < 700; ++i) strcpy(words + 4 * i, "red ");
  chat_error("context_full", &options, words);
  must(llava_cancel_create(&cancel));
  must(llava_cancel_cancel(cancel));
  options.cancel = cancel;
  chat_error("cancelled", &options, kHowMany);
  must(llava_cancel_reset(cancel));
  must(llava_cancel_set_deadline_ms(cancel, 0));
  chat_error("timeout", &options, kHowMany);
  llava_cancel_free(cancel);
}

static void errors_of_order(llava_session *session) {
  llava_chat_options options = greedy(64);
  llava_stream *answer = start(session, kHowMany, &options);
  llava_session *copy = NULL;
  llava_response *response = NULL;
  say_error("busy_chat", try_chat(session, NULL, kHowMany, &options, &response));
  say_error("busy_fork", llava_session_fork(session, &copy));
  say_error("busy_rewind", llava_session_rewind(session, 0));
  llava_stream_free(answer);
  say_error("rewind_too_far", llava_session_rewind(session, 99));
  say_number("error.", "turns", llava_session_turn_count(session));
}

static void use_after_close(void) {
  llava_session *session = new_session();
  llava_session *copy = NULL;
  llava_session_free(session);
  say_text("error.", "closed",
           llava_session_fork(session, &copy) == LLAVA_ERR_INVALID_ARGUMENT ? "refused" : "accepted");
}

/* The sum of all counters of llava_live_objects(). */
static void live_objects(void) {
  llava_string *counts = NULL;
  const char *at;
  long sum = 0;
  must(llava_live_objects(&counts));
  for (at = llava_string_data(counts); (at = strchr(at, ':')) != NULL; ++at) sum += strtol(at + 1, NULL, 10);
  llava_string_free(counts);
  say_number("live", "", sum);
}

int main(int argc, char **argv) {
  char path[4200];
  llava_session *session, *fork = NULL, *emoji;
  if (argc != 4) {
    fprintf(stderr, "usage: conversation MODEL PICTURES WORK\n");
    return 2;
  }
  sprintf(folder_of_model, "%.4000s", argv[1]);
  sprintf(folder_of_pictures, "%.4000s", argv[2]);
  sprintf(folder_of_work, "%.4000s", argv[3]);
  must(llava_load(folder_of_model, NULL, &model));
  sprintf(path, "%s/dotted.png", folder_of_pictures);
  must(llava_image_from_file(path, NULL, &dotted));
  sprintf(path, "%s/striped.png", folder_of_pictures);
  must(llava_image_from_file(path, NULL, &striped));

  session = new_session();
  three_turns(session);
  rewind_and_fork(session, &fork);
  cancel_keeping(fork);
  cancel_rolling_back(fork);
  cancel_at_once(fork);
  emoji = new_session();
  emoji_answer(emoji);
  append(emoji);
  save_and_load(session);
  embedding();
  reasons();
  errors_of_files();
  errors_of_options();
  errors_of_chat();
  errors_of_order(session);
  use_after_close();

  llava_session_free(emoji);
  llava_session_free(fork);
  llava_session_free(session);
  llava_image_free(striped);
  llava_image_free(dotted);
  llava_model_free(model);
  live_objects();
  return 0;
}
