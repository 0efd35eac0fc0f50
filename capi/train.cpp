// include/llava/train.h
#include <llava/train.h>

#include "arguments.hpp"

using namespace llava::capi;
using llava::core::Error;
using llava::core::Status;

llava_status llava_train_stage(llava_model* model, const llava_train_options* options, llava_report** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    get(model, "model");
    if (options && options->struct_size < sizeof *options)
      throw Error(Status::argument, "options.struct_size is too small for llava_train_options");
    throw Error(Status::unsupported, "this release does not train; llava_has_feature(\"train\") tells");
  });
}
