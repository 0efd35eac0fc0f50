/** @file checkpoint.hpp Checkpoints on disk: plans, layouts, delta weights. */
#ifndef LLAVA_HPP_CHECKPOINT_HPP
#define LLAVA_HPP_CHECKPOINT_HPP

#include "../checkpoint.h"
#include "model.hpp"

namespace llava {
inline namespace abi1 {

/** Layouts a checkpoint can be written in. */
enum class Layout : int32_t { keep = LLAVA_LAYOUT_KEEP, hf = LLAVA_LAYOUT_HF, original = LLAVA_LAYOUT_ORIGINAL };

/** How a checkpoint is written; see llava_save_options. Since 0.1. */
struct SaveOptions {
  Layout layout = Layout::keep;                           /**< keep for merge_delta() */
  Dtype dtype = Dtype::automatic;                         /**< of all numbers; automatic: as stored */
  bool overwrite = false;                                 /**< a model folder of that name gives way */
  int64_t shard_bytes = 5000000000;                       /**< most bytes of tensors in one file */
  std::string vision_tower = {};                          /**< convert(): folder of the vision tower */
  std::string projector = {};                             /**< convert(): file of the projector */
  std::function<bool(const LoadProgress&)> progress = {}; /**< false stops; what it throws leaves the call */
  Cancel cancel = {};                                     /**< may be empty */
};

namespace detail {

/** Calls `call` with the C form of `options`. */
template <typename Call>
void with_save_options(const SaveOptions& options, Call&& call) {
  struct Progress {
    const std::function<bool(const LoadProgress&)>& tell;
    std::exception_ptr thrown;
  } progress{options.progress, nullptr};
  llava_save_options c;
  check(llava_save_options_init(&c, sizeof c));
  c.layout = static_cast<int32_t>(options.layout);
  c.dtype = static_cast<int32_t>(options.dtype);
  c.overwrite = options.overwrite;
  c.shard_bytes = options.shard_bytes;
  c.vision_tower = or_null(options.vision_tower, "vision_tower");
  c.projector = or_null(options.projector, "projector");
  c.cancel = options.cancel.get();
  c.progress_user_data = &progress;
  if (options.progress)
    c.progress = [](const char* phase, int64_t done, int64_t total, const char* item, void* user_data) -> int32_t {
      auto& self = *static_cast<Progress*>(user_data);
      return keep_exception(self.thrown, [&] {
        return self.tell(LoadProgress{phase, done, total, item}) ? 0 : LLAVA_LOAD_ABORT;
      });
    };
  check(call(&c), progress.thrown);
}

}  // namespace detail

/** What loading a checkpoint would find and take, as JSON; no weight is read. */
inline std::string plan_json(const std::string& path, const LoadOptions& options = {}) {
  llava_string* text = nullptr;
  const auto c = options.c();
  detail::check(llava_load_plan(detail::c_text(path, "path"), &c, &text));
  return detail::take(text);
}

/** Writes a loaded model to a directory. */
inline void save(const Model& model, const std::string& target, const SaveOptions& options = {}) {
  detail::with_save_options(options, [&](const llava_save_options* c) {
    return llava_save(model.get(), detail::c_text(target, "target"), c);
  });
}

/** Writes a checkpoint in another layout or dtype without loading it. */
inline void convert(const std::string& path, const std::string& target, const SaveOptions& options = {}) {
  detail::with_save_options(options, [&](const llava_save_options* c) {
    return llava_convert(detail::c_text(path, "path"), detail::c_text(target, "target"), c);
  });
}

/** Adds delta weights to the LLaMA they were made from. */
inline void merge_delta(const std::string& base, const std::string& delta, const std::string& target,
                        const SaveOptions& options = {}) {
  detail::with_save_options(options, [&](const llava_save_options* c) {
    return llava_merge_delta(detail::c_text(base, "base"), detail::c_text(delta, "delta"),
                             detail::c_text(target, "target"), c);
  });
}

}  // namespace abi1
}  // namespace llava

#endif
