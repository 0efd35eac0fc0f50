/* Asks every picture of a folder the same question, as one JSON object: describe MODEL FOLDER QUESTION */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <llava/llava.h>
#include <stdio.h>
#include <stdlib.h>

static void print_text(const char *text) { /* as a JSON string; the library's texts are UTF-8 */
  putchar('"');
  for (; *text; ++text) {
    if (*text == '"' || *text == '\\')
      printf("\\%c", *text);
    else if ((unsigned char)*text < 0x20)
      printf("\\u%04x", *text);
    else
      putchar(*text);
  }
  putchar('"');
}

/* A file that is no picture, or one that cannot be used, gets its error; the others go on. */
static void describe(llava_model *model, const char *path, const char *question) {
  llava_image *image = NULL;
  llava_response *answer = NULL;
  llava_status status = llava_image_from_file(path, NULL, &image);
  if (status == LLAVA_OK) status = llava_ask(model, image, question, &answer);
  printf(status == LLAVA_OK ? "{\"text\": " : "{\"status\": \"%s\", \"error\": ", llava_status_name(status));
  print_text(status == LLAVA_OK ? llava_response_text(answer, 0) : llava_last_error());
  putchar('}');
  llava_response_free(answer);
  llava_image_free(image);
}

static int is_file(const struct dirent *entry) { return entry->d_name[0] != '.'; }

int main(int argc, char **argv) {
  llava_model *model = NULL;
  struct dirent **files = NULL;
  int i, count = argc == 4 ? scandir(argv[2], &files, is_file, alphasort) : 0;
  if (argc != 4 || count < 0 || llava_load(argv[1], NULL, &model) != LLAVA_OK) {
    fprintf(stderr, "%s\n",
            argc != 4   ? "usage: describe MODEL FOLDER QUESTION"
            : count < 0 ? "no such folder"
                        : llava_last_error());
    return 1;
  }
  for (i = 0; i < count; ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", argv[2], files[i]->d_name);
    printf(i ? ",\n " : "{");
    print_text(files[i]->d_name);
    printf(": ");
    describe(model, path, argv[3]);
    free(files[i]);
  }
  puts(count ? "}" : "{}");
  free(files);
  llava_model_free(model);
  return 0;
}
