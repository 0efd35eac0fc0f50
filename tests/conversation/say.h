/* What conversation.c says and how: lines, and the options nearly every question has. */
#ifndef LLAVA_TESTS_CONVERSATION_SAY_H
#define LLAVA_TESTS_CONVERSATION_SAY_H

#include <llava/llava.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_IDS 512

/* What must not fail: the program ends with the library's own words. */
static void must(llava_status status) {
  if (status == LLAVA_OK) return;
  fprintf(stderr, "%s: %s\n", llava_status_name(status), llava_last_error());
  exit(1);
}

static void say_text(const char *name, const char *what, const char *text) { printf("%s%s: %s\n", name, what, text); }
static void say_number(const char *name, const char *what, int64_t number) {
  printf("%s%s: %lld\n", name, what, (long long)number);
}

static void say_ids(const char *name, const char *what, const int32_t *ids, size_t count) {
  size_t i;
  printf("%s%s:", name, what);
  for (i = 0; i < count; ++i) printf(" %d", (int)ids[i]);
  printf("\n");
}

static void say_response(const char *name, const llava_response *response) {
  int32_t ids[MOST_IDS];
  size_t count = 0;
  llava_usage usage;
  usage.struct_size = sizeof usage;
  must(llava_response_usage(response, &usage));
  must(llava_response_tokens(response, 0, ids, MOST_IDS, &count));
  say_text(name, ".text", llava_response_text(response, 0));
  say_ids(name, ".ids", ids, count);
  say_text(name, ".finish", llava_finish_reason_name(llava_response_finish_reason(response, 0)));
  say_number(name, ".prompt", usage.prompt_tokens);
  say_number(name, ".pictures", usage.image_tokens);
  say_number(name, ".cached", usage.cached_tokens);
  say_number(name, ".completion", usage.completion_tokens);
}

static llava_chat_options greedy(int32_t max_tokens) {
  llava_chat_options options;
  must(llava_chat_options_init(&options, sizeof options));
  options.temperature = 0;
  options.max_tokens = max_tokens;
  return options;
}

#endif
