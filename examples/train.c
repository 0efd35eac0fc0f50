/* Own pictures and records to a model: train MODEL DATA PICTURES OUT [STEPS]
 *
 * Stage 2 in small steps of the caller's: between two of them a program may do what it likes, ask for a stop from another
 * thread, or pull events there. Killed at any moment and called again with the same arguments it goes on from the last
 * snapshot: here one is written every 50 steps and at the end. */
#include <llava/llava.h>
#include <stdio.h>
#include <stdlib.h>

static llava_status train(llava_trainer *trainer) {
  llava_train_metrics metrics;
  llava_status status = LLAVA_OK;
  metrics.struct_size = sizeof metrics;
  while (status == LLAVA_OK) {
    status = llava_trainer_run(trainer, 1); /* LLAVA_END: the run is through and OUT is a model */
    if (status != LLAVA_OK && status != LLAVA_END) break;
    if (llava_trainer_metrics(trainer, &metrics) == LLAVA_OK)
      printf("step %lld of %lld: loss %.4f\n", (long long)metrics.step, (long long)metrics.steps, metrics.loss);
  }
  return status == LLAVA_END ? LLAVA_OK : status;
}

int main(int argc, char **argv) {
  llava_train_options options;
  llava_trainer *trainer = NULL;
  llava_status status;
  if (argc < 5) {
    fprintf(stderr, "usage: train MODEL DATA PICTURES OUT [STEPS]\n");
    return 1;
  }
  llava_train_options_init(&options, sizeof options);
  options.stage = 2;
  options.data = argv[2];
  options.image_root = argv[3];
  options.out_dir = argv[4];
  options.batch = 2;
  options.lr = 1e-4;
  options.save_every = 50;
  if (argc > 5) options.steps = atoll(argv[5]);
  status = llava_trainer_create(argv[1], &options, &trainer);
  if (status == LLAVA_OK) status = train(trainer);
  if (status != LLAVA_OK) fprintf(stderr, "%s\n", llava_last_error());
  llava_trainer_free(trainer);
  return status != LLAVA_OK;
}
