/**
 * @file train.h
 * Visual instruction tuning: the two training stages. Declared so that programs can be written against the final
 * signature; this release does not train, and llava_has_feature("train") says so.
 */
#ifndef LLAVA_TRAIN_H
#define LLAVA_TRAIN_H

#include "base.h"
#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a stage is trained. Fields are appended by the release that trains. Since 0.1. */
typedef struct llava_train_options {
  uint32_t struct_size; /**< sizeof(llava_train_options) */
  int32_t stage;        /**< 1 projector alignment, 2 instruction tuning */
} llava_train_options;

/** What a long job found: numbers and texts by name. No function of this release makes one. Since 0.1. */
typedef struct llava_report llava_report;

/**
 * Trains a stage.
 *
 * @param model    the model
 * @param options  what to train on and how
 * @param out      would receive the report; NULL in this release
 * @return LLAVA_ERR_UNSUPPORTED. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_train_stage(llava_model *model,
                                                                    const llava_train_options *options,
                                                                    llava_report **out);

#ifdef __cplusplus
}
#endif

#endif
