/**
 * @file llava.h
 * libllava: an assistant that sees, as a library. This header includes all others.
 *
 * @code
 * llava_model *model = NULL;
 * llava_image *image = NULL;
 * llava_response *answer = NULL;
 * if (llava_load("llava-1.5-7b-hf", NULL, &model) || llava_image_from_file("cat.jpg", NULL, &image) ||
 *     llava_ask(model, image, "What is this?", &answer))
 *   fprintf(stderr, "%s\n", llava_last_error());
 * else
 *   puts(llava_response_text(answer, 0));
 * llava_response_free(answer);
 * llava_image_free(image);
 * llava_model_free(model);
 * @endcode
 *
 * Start at base.h for the rules, model.h to load, session.h and chat.h to talk, encode.h to look inside,
 * adapter.h for LoRA, train.h to teach.
 */
#ifndef LLAVA_LLAVA_H
#define LLAVA_LLAVA_H

#include "adapter.h"
#include "base.h"
#include "chat.h"
#include "checkpoint.h"
#include "dataset.h"
#include "device.h"
#include "encode.h"
#include "image.h"
#include "log.h"
#include "message.h"
#include "model.h"
#include "report.h"
#include "response.h"
#include "session.h"
#include "tensor.h"
#include "tokenizer.h"
#include "train.h"
#include "train_options.h"

#endif
