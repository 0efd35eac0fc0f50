/* One question about one picture; usage: ask MODEL PICTURE QUESTION */
#include <llava/llava.h>
#include <stdio.h>

int main(int argc, char** argv) {
  llava_model* model = NULL;
  llava_image* image = NULL;
  llava_response* answer = NULL;
  int failed = llava_load(argc == 4 ? argv[1] : NULL, NULL, &model) || llava_image_from_file(argv[2], NULL, &image) ||
               llava_ask(model, image, argv[3], &answer);
  fprintf(failed ? stderr : stdout, "%s\n", failed ? llava_last_error() : llava_response_text(answer, 0));
  llava_response_free(answer); /* in any order, NULL allowed */
  llava_image_free(image);
  llava_model_free(model);
  return failed;
}
