/** @file dataset.hpp Training data, looked at before a run. */
#ifndef LLAVA_HPP_DATASET_HPP
#define LLAVA_HPP_DATASET_HPP

#include "../dataset.h"
#include "model.hpp"

namespace llava {
inline namespace abi1 {

/** Which tokens are learned. */
enum class Labels : int32_t { spans = LLAVA_LABELS_SPANS, upstream = LLAVA_LABELS_UPSTREAM };

/** Where the picture of the first question goes. */
enum class ImagePlace : int32_t {
  first = LLAVA_IMAGE_FIRST,
  as_written = LLAVA_IMAGE_AS_WRITTEN,
  random = LLAVA_IMAGE_RANDOM
};

/** How closely pictures are looked at. */
enum class PictureCheck : int32_t {
  whole = LLAVA_PICTURES_WHOLE,
  header = LLAVA_PICTURES_HEADER,
  skip = LLAVA_PICTURES_SKIP
};

/** How a data file is looked at; see llava_dataset_options. Since 0.1. */
struct DatasetOptions {
  Labels labels = Labels::spans;                          /**< which tokens are learned */
  ImagePlace image_place = ImagePlace::first;             /**< where the picture of the first question goes */
  PictureCheck pictures = PictureCheck::whole;            /**< how closely pictures are looked at */
  bool allow_outside = false;                             /**< pictures may lie anywhere */
  int32_t threads = 2;                                    /**< that read records and decode pictures */
  int64_t max_length = 0;                                 /**< positions of a sample; 0: the model's context */
  int64_t seed = 42;                                      /**< of ImagePlace::random */
  std::string image_root = {};                            /**< folder of the pictures; "": the data file's */
  std::string template_name = {};                         /**< "": the model's */
  std::function<bool(const LoadProgress&)> progress = {}; /**< false stops; what it throws leaves the call */
  Cancel cancel = {};                                     /**< may be empty */
};

/** What is in a data file, and what of it cannot be used: the report of llava_dataset_check(). */
inline std::string check_dataset_json(const std::string& path, const std::string& model_path,
                                      const DatasetOptions& options = {}) {
  struct Progress {
    const std::function<bool(const LoadProgress&)>& tell;
    std::exception_ptr thrown;
  } progress{options.progress, nullptr};
  llava_dataset_options c;
  detail::check(llava_dataset_options_init(&c, sizeof c));
  c.labels = static_cast<int32_t>(options.labels);
  c.image_place = static_cast<int32_t>(options.image_place);
  c.pictures = static_cast<int32_t>(options.pictures);
  c.allow_outside = options.allow_outside;
  c.threads = options.threads;
  c.max_length = options.max_length;
  c.seed = options.seed;
  c.image_root = detail::or_null(options.image_root, "image_root");
  c.template_name = detail::or_null(options.template_name, "template_name");
  c.cancel = options.cancel.get();
  c.progress_user_data = &progress;
  if (options.progress)
    c.progress = [](const char* phase, int64_t done, int64_t total, const char* item, void* user_data) -> int32_t {
      auto& self = *static_cast<Progress*>(user_data);
      return detail::keep_exception(self.thrown, [&] {
        return self.tell(LoadProgress{phase, done, total, item}) ? 0 : LLAVA_LOAD_ABORT;
      });
    };
  llava_string* text = nullptr;
  detail::check(llava_dataset_check(detail::c_text(path, "path"), detail::c_text(model_path, "model_path"), &c, &text),
                progress.thrown);
  return detail::take(text);
}

}  // namespace abi1
}  // namespace llava

#endif
