/* Which pictures look most like the first one: search MODEL PICTURE PICTURE...
 *
 * The features of the vision tower, averaged over the picture, are compared by the cosine of their angle. */
#include <llava/llava.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { kWidest = 8192 };

/* Adds up the features of a picture; the length of the sum does not matter to an angle. */
static llava_status look(llava_model *model, const char *path, double sum[kWidest]) {
  llava_encode_options options;
  llava_image *image = NULL;
  llava_embedding *embedding = NULL;
  llava_tensor *rows = NULL;
  llava_tensor_desc desc;
  const void *data = NULL;
  llava_status status = llava_encode_options_init(&options, sizeof options);
  options.output = LLAVA_ENCODE_FEATURES;
  desc.struct_size = sizeof desc;
  if (status == LLAVA_OK) status = llava_image_from_file(path, NULL, &image);
  if (status == LLAVA_OK) status = llava_encode_image(model, image, &options, &embedding);
  if (status == LLAVA_OK) status = llava_embedding_tensor(embedding, &rows);
  if (status == LLAVA_OK) status = llava_tensor_info(rows, &desc); /* [rows, width], f32 */
  if (status == LLAVA_OK) status = llava_tensor_data(rows, &data);
  if (status == LLAVA_OK && desc.shape[1] <= kWidest) {
    int64_t i;
    for (i = 0; i < desc.element_count; ++i) sum[i % desc.shape[1]] += ((const float *)data)[i];
  }
  llava_tensor_free(rows);
  llava_embedding_free(embedding);
  llava_image_free(image);
  return status;
}

static double dot(const double *a, const double *b) {
  double sum = 0;
  int i;
  for (i = 0; i < kWidest; ++i) sum += a[i] * b[i];
  return sum;
}

int main(int argc, char **argv) {
  static double wanted[kWidest];
  llava_model *model = NULL;
  int i, failed = argc < 4 || llava_load(argv[1], NULL, &model) || look(model, argv[2], wanted);
  for (i = 3; i < argc && !failed; ++i) {
    double *sum = calloc(kWidest, sizeof *sum);
    failed = !sum || look(model, argv[i], sum);
    if (!failed) printf("%6.3f  %s\n", dot(wanted, sum) / sqrt(dot(wanted, wanted) * dot(sum, sum)), argv[i]);
    free(sum);
  }
  if (failed)
    fprintf(stderr, "%s\n", argc < 4 ? "usage: search MODEL PICTURE PICTURE... | sort -r" : llava_last_error());
  llava_model_free(model);
  return failed;
}
