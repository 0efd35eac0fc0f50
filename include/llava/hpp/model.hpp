/** @file model.hpp Loading, encoding, token ids, the language model as a function. */
#ifndef LLAVA_HPP_MODEL_HPP
#define LLAVA_HPP_MODEL_HPP

#include "base.hpp"
#include "image.hpp"
#include "message.hpp"
#include "tensor.hpp"

namespace llava {
inline namespace abi1 {

/** How loading goes on; see llava_load_progress_fn. */
struct LoadProgress {
  std::string_view phase; /**< "weights", then "warm-up" */
  int64_t bytes_done;     /**< of the weights */
  int64_t bytes_total;    /**< 0 while unknown */
  std::string_view item;  /**< the file or tensor at hand */
};

/** Whose rule cuts pictures into tiles; see LLAVA_TILES_AUTO. */
enum class TileRule : int32_t { automatic = 0, original = 1, hf = 2 };

/** How a model is loaded; see llava_load_options. Since 0.1. */
struct LoadOptions {
  std::string device;                                     /**< "" is "auto" */
  Dtype dtype = Dtype::automatic;                         /**< of the weights */
  std::string template_name;                              /**< "": as the checkpoint says */
  int64_t max_context = 0;                                /**< 0: as the checkpoint says */
  std::function<bool(const LoadProgress&)> progress = {}; /**< false stops; what it throws leaves load() */
  Cancel cancel = {};                                     /**< may be empty */
  bool verify = false;                                    /**< look for NaN and infinity in every weight */
  std::string vision_tower = {};                          /**< folder of a vision tower; "": as the checkpoint says */
  std::string projector = {};                             /**< file of a projector; "": the checkpoint's */
  std::string adapter = {};                               /**< folder of a LoRA to attach; "": none */
  float adapter_scale = 1;                                /**< of that adapter */
  TileRule tile_rule = TileRule::automatic;               /**< of a LLaVA-NeXT */
  bool allow_pickle = true;                               /**< false: torch's files (.bin) are refused */
  bool no_mmap = false;                                   /**< true: weights are read into memory, not mapped */

  /** The C form without the progress callback; valid while this struct lives. */
  llava_load_options c() const {
    llava_load_options options;
    detail::check(llava_load_options_init(&options, sizeof options));
    options.device = detail::or_null(device, "device");
    options.dtype = static_cast<int32_t>(dtype);
    options.template_name = detail::or_null(template_name, "template_name");
    options.max_context = max_context;
    options.cancel = cancel.get();
    options.verify = verify;
    options.vision_tower = detail::or_null(vision_tower, "vision_tower");
    options.projector = detail::or_null(projector, "projector");
    options.adapter = detail::or_null(adapter, "adapter");
    options.adapter_scale = adapter_scale;
    options.tile_rule = static_cast<int32_t>(tile_rule);
    options.allow_pickle = allow_pickle;
    options.no_mmap = no_mmap;
    return options;
  }
};

/** How a picture is encoded; see llava_encode_options. Since 0.1. */
struct EncodeOptions {
  bool features = false;                   /**< true: before the projector */
  int32_t layer = LLAVA_LAYER_CONFIGURED;  /**< hidden state of the tower */
  int32_t class_token = -1;                /**< -1 as the checkpoint says, 0 no, 1 yes */
  Cancel cancel = {};                      /**< may be empty */
  std::optional<std::string> adapter = {}; /**< a LoRA's name; "": none; nothing: the attached one */
  float adapter_scale = 1;                 /**< of the adapter that is named */
};

/** How the language model is run; see llava_forward_options. Since 0.1. */
struct ForwardOptions {
  bool hidden = false;                     /**< true: hidden states instead of logits */
  bool last_only = false;                  /**< true: the last position only */
  Cancel cancel = {};                      /**< may be empty */
  std::optional<std::string> adapter = {}; /**< a LoRA's name; "": none; nothing: the attached one */
  float adapter_scale = 1;                 /**< of the adapter that is named */
};

/** How a dialogue becomes a prompt; see llava_template_options. Since 0.1. */
struct TemplateOptions {
  std::string template_name;     /**< "": the model's; "none": parts as they are */
  bool generation_prompt = true; /**< end where the answer starts */
  bool has_system = false;       /**< whether `system` holds */
  std::string system;            /**< system prompt instead of the template's own */

  /** The C form; valid while this struct lives. */
  llava_template_options c() const {
    llava_template_options options;
    detail::check(llava_template_options_init(&options, sizeof options));
    options.template_name = detail::or_null(template_name, "template_name");
    options.generation_prompt = generation_prompt;
    options.system = has_system ? detail::c_text(system, "system") : nullptr;
    return options;
  }
};

/** Kinds of special tokens. */
enum class SpecialToken : int32_t { bos = 0, eos = 1, unk = 2, pad = 3, image = 4 };

/** A loaded model. Since 0.1. */
class Model : public detail::Handle<llava_model, llava_model_retain, llava_model_free> {
 public:
  Model() = default;
  /** Loads a checkpoint directory. */
  explicit Model(const std::string& path, const LoadOptions& options = {}) {
    struct Progress {
      const std::function<bool(const LoadProgress&)>& tell;
      std::exception_ptr thrown;
    } progress{options.progress, nullptr};
    auto c = options.c();
    c.progress_user_data = &progress;
    if (options.progress)
      c.progress = [](const char* phase, int64_t done, int64_t total, const char* item, void* user_data) -> int32_t {
        auto& self = *static_cast<Progress*>(user_data);
        return detail::keep_exception(self.thrown, [&] {
          return self.tell(LoadProgress{phase, done, total, item}) ? 0 : LLAVA_LOAD_ABORT;
        });
      };
    detail::check(llava_load(detail::c_text(path, "path"), &c, &handle_), progress.thrown);
  }

  /** All that is known about the model. */
  std::string info_json() const {
    llava_string* text = nullptr;
    detail::check(llava_model_info_json(handle_, &text));
    return detail::take(text);
  }
  /** What it can take. */
  llava_limits limits() const {
    llava_limits limits = {};
    limits.struct_size = sizeof limits;
    detail::check(llava_model_limits(handle_, &limits));
    return limits;
  }
  /** What it takes up. */
  llava_model_usage memory() const {
    llava_model_usage usage = {};
    usage.struct_size = sizeof usage;
    detail::check(llava_model_memory(handle_, &usage));
    return usage;
  }

  /** Positions of the context a picture takes. */
  int64_t image_tokens(const Image& image) const {
    int64_t tokens = 0;
    detail::check(llava_image_tokens(handle_, image.get(), &tokens));
    return tokens;
  }
  /** The exact numbers the vision tower sees, [3, S, S]; [T, 3, S, S] of a model that cuts pictures. */
  Tensor preprocess(const Image& image, const Cancel& cancel = {}) const {
    llava_tensor* tensor = nullptr;
    detail::check(llava_image_preprocess(handle_, image.get(), cancel.get(), &tensor));
    return Tensor::adopt(tensor);
  }
  /** Encodes a picture. */
  Embedding encode(const Image& image, const EncodeOptions& options = {}) const {
    llava_embedding* embedding = nullptr;
    const auto c = encode_options(options);
    detail::check(llava_encode_image(handle_, image.get(), &c, &embedding));
    return Embedding::adopt(embedding);
  }
  /** Encodes pictures, eight in one pass. */
  std::vector<Embedding> encode(View<Image> images, const EncodeOptions& options = {}) const {
    std::vector<const llava_image*> handles;
    for (const auto& image : images) handles.push_back(image.get());
    std::vector<llava_embedding*> out(handles.size());
    std::vector<Embedding> embeddings(handles.size());
    const auto c = encode_options(options);
    detail::check(llava_encode_images(handle_, handles.data(), static_cast<int32_t>(handles.size()), &c, out.data()));
    for (std::size_t i = 0; i < out.size(); ++i) embeddings[i] = Embedding::adopt(out[i]);
    return embeddings;
  }
  /** Runs the language model over raw ids; LLAVA_IMAGE_TOKEN marks the places of `embeddings`. */
  Tensor forward(View<int32_t> ids, View<Embedding> embeddings = {}, const ForwardOptions& options = {}) const {
    std::vector<const llava_embedding*> handles;
    for (const auto& embedding : embeddings) handles.push_back(embedding.get());
    llava_forward_options c;
    detail::check(llava_forward_options_init(&c, sizeof c));
    c.output = options.hidden ? LLAVA_FORWARD_HIDDEN : LLAVA_FORWARD_LOGITS;
    c.last_only = options.last_only;
    c.cancel = options.cancel.get();
    c.adapter = detail::or_null(options.adapter, "adapter");
    c.adapter_scale = options.adapter_scale;
    llava_tensor* tensor = nullptr;
    detail::check(llava_forward(handle_, ids.data(), static_cast<int64_t>(ids.size()), handles.data(),
                                static_cast<int32_t>(handles.size()), &c, &tensor));
    return Tensor::adopt(tensor);
  }

  /** Token ids of a text. */
  std::vector<int32_t> tokenize(std::string_view text, bool bos = false) const {
    return detail::copy_out<int32_t>([&](int32_t* ids, std::size_t capacity, std::size_t* count) {
      return llava_tokenize_n(handle_, text.data(), text.size(), bos ? LLAVA_TOKENIZE_BOS : 0, ids, capacity, count);
    });
  }
  /** Text of token ids. */
  std::string detokenize(View<int32_t> ids, bool special = false) const {
    llava_string* text = nullptr;
    detail::check(llava_detokenize(handle_, ids.data(), ids.size(), special ? LLAVA_DETOKENIZE_SPECIAL : 0, &text));
    return detail::take(text);
  }
  /** The piece of the vocabulary behind an id. */
  std::string token_text(int32_t id) const {
    llava_string* text = nullptr;
    detail::check(llava_token_text(handle_, id, &text));
    return detail::take(text);
  }
  /** The id of a special token; -1 when the model has none. */
  int32_t special_token(SpecialToken kind) const {
    int32_t id = -1;
    const auto status = llava_special_token(handle_, static_cast<int32_t>(kind), &id);
    if (status == LLAVA_ERR_NOT_FOUND) return -1;
    detail::check(status);
    return id;
  }
  /** Positions a dialogue takes, pictures included. */
  int64_t count_tokens(View<Message> messages) const {
    const auto handles = detail::handles(messages);
    int64_t tokens = 0;
    detail::check(llava_count_tokens(handle_, handles.data(), static_cast<int32_t>(handles.size()), &tokens));
    return tokens;
  }
  /** A dialogue as the text the model reads, for people. */
  std::string apply_template(View<Message> messages, const TemplateOptions& options = {}) const {
    const auto handles = detail::handles(messages);
    const auto c = options.c();
    llava_string* text = nullptr;
    detail::check(llava_apply_template(handle_, handles.data(), static_cast<int32_t>(handles.size()), &c, &text));
    return detail::take(text);
  }
  /** A dialogue as the ids the model reads, LLAVA_IMAGE_TOKEN at the places of pictures. */
  std::vector<int32_t> prompt_ids(View<Message> messages, const TemplateOptions& options = {}) const {
    const auto handles = detail::handles(messages);
    const auto c = options.c();
    return detail::copy_out<int32_t>([&](int32_t* ids, std::size_t capacity, std::size_t* count) {
      return llava_prompt_ids(handle_, handles.data(), static_cast<int32_t>(handles.size()), &c, ids, capacity, count);
    });
  }

 private:
  static llava_encode_options encode_options(const EncodeOptions& options) {
    llava_encode_options c;
    detail::check(llava_encode_options_init(&c, sizeof c));
    c.output = options.features ? LLAVA_ENCODE_FEATURES : LLAVA_ENCODE_PROJECTED;
    c.layer = options.layer;
    c.class_token = options.class_token;
    c.cancel = options.cancel.get();
    c.adapter = detail::or_null(options.adapter, "adapter");
    c.adapter_scale = options.adapter_scale;
    return c;
  }
};

inline Embedding::Embedding(const Model& model, const Tensor& rows) {
  detail::check(llava_embedding_from_tensor(model.get(), rows.get(), &handle_));
}

inline Embedding Embedding::load(const Model& model, const std::string& path) {
  Embedding embedding;
  detail::check(llava_embedding_load(model.get(), detail::c_text(path, "path"), &embedding.handle_));
  return embedding;
}

/** Loads a checkpoint directory. */
inline Model load(const std::string& path, const LoadOptions& options = {}) { return Model(path, options); }

/** Names of all conversation templates. */
inline std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (int32_t i = 0; i < llava_template_count(); ++i) names.emplace_back(llava_template_name(i));
  return names;
}

/** Tokens to text one by one, never half a character. Since 0.1. */
class Decoder : public detail::Handle<llava_decoder, llava_decoder_retain, llava_decoder_free> {
 public:
  Decoder() = default;
  /** A decoder with nothing pushed. */
  explicit Decoder(const Model& model, bool special = false) {
    detail::check(llava_decoder_create(model.get(), special ? LLAVA_DETOKENIZE_SPECIAL : 0, &handle_));
  }
  /** Text that is certain now; valid until the next call. */
  std::string_view push(int32_t id) {
    const char* text = "";
    std::size_t size = 0;
    detail::check(llava_decoder_push(handle_, id, &text, &size));
    return std::string_view(text, size);
  }
  /** The rest. */
  std::string_view flush() {
    const char* text = "";
    std::size_t size = 0;
    detail::check(llava_decoder_flush(handle_, &text, &size));
    return std::string_view(text, size);
  }
};

}  // namespace abi1
}  // namespace llava

#endif
