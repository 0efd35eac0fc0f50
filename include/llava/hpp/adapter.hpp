/** @file adapter.hpp LoRA adapters. */
#ifndef LLAVA_HPP_ADAPTER_HPP
#define LLAVA_HPP_ADAPTER_HPP

#include "../adapter.h"
#include "checkpoint.hpp"
#include "model.hpp"

namespace llava {
inline namespace abi1 {

/** How an adapter is loaded; see llava_adapter_options. Since 0.1. */
struct AdapterOptions {
  std::string name = {}; /**< what calls choose it by; "": the folder's name */
  bool verify = false;   /**< look for NaN and infinity */
  Cancel cancel = {};    /**< may be empty */
};

/** A LoRA in memory, for one model. Calls choose it by its name: ChatOptions::adapter and the like. Since 0.1. */
class Adapter : public detail::Handle<llava_adapter, llava_adapter_retain, llava_adapter_free> {
 public:
  Adapter() = default;
  /** Loads the folder `path` for a model, without attaching it. */
  Adapter(const Model& model, const std::string& path, const AdapterOptions& options = {}) {
    llava_adapter_options c;
    detail::check(llava_adapter_options_init(&c, sizeof c));
    c.name = detail::or_null(options.name, "name");
    c.verify = options.verify;
    c.cancel = options.cancel.get();
    detail::check(llava_adapter_load(model.get(), detail::c_text(path, "path"), &c, &handle_));
  }

  /** Name, path, rank, layers, replaced tensors. */
  std::string info_json() const {
    llava_string* text = nullptr;
    detail::check(llava_adapter_info_json(handle_, &text));
    return detail::take(text);
  }
};

/** Makes an adapter the one of all calls that name none. */
inline void attach(const Model& model, const Adapter& adapter, float scale = 1) {
  detail::check(llava_adapter_attach(model.get(), adapter.get(), scale));
}

/** The model by itself again. */
inline void detach(const Model& model) { detail::check(llava_adapter_detach(model.get())); }

/** Writes a model with an adapter in its weights to a directory. */
inline void merge_adapter(const Model& model, const Adapter& adapter, float scale, const std::string& target,
                          const SaveOptions& options = {}) {
  detail::with_save_options(options, [&](const llava_save_options* c) {
    return llava_adapter_merge(model.get(), adapter.get(), scale, detail::c_text(target, "target"), c);
  });
}

}  // namespace abi1
}  // namespace llava

#endif
