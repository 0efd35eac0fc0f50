// What stands behind each handle. Children hold their parents' objects, so any order of release is right.
#pragma once

#include <ATen/core/Tensor.h>
#include <llava/llava.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/cancel.hpp"
#include "checkpoint/adapter.hpp"
#include "checkpoint/bundle.hpp"
#include "generate/session.hpp"
#include "handles.hpp"
#include "image/content_hash.hpp"
#include "last_error.hpp"
#include "options.hpp"
#include "text/detokenizer.hpp"

namespace llava::capi {

struct StringObject : Live<HandleKind::string> {
  explicit StringObject(std::string t) : text(std::move(t)) {}
  const std::string text;
};

struct BufferObject : Live<HandleKind::buffer> {
  std::string bytes;
  KeptMemory kept;  // what options point into
};

struct CancelObject : Live<HandleKind::cancel> {
  core::CancelToken token;
  std::atomic<int64_t> users{0};  // operations under way; a token in use cannot be reset
};

struct ImageObject : Live<HandleKind::image> {
  explicit ImageObject(core::Picture p) : ImageObject(std::make_shared<const core::HashedPicture>(std::move(p))) {}
  explicit ImageObject(std::shared_ptr<const core::HashedPicture> p) : picture(std::move(p)) {}

  const std::shared_ptr<const core::HashedPicture> picture;
};

struct ModelObject : Live<HandleKind::model> {
  explicit ModelObject(const std::shared_ptr<const core::Bundle>& loaded)
      : adapters(std::make_shared<core::Adapters>(loaded)), bundle(adapters->base()) {}
  const std::shared_ptr<core::Adapters> adapters;
  const std::shared_ptr<const core::Bundle> bundle;  // without an adapter
};

struct AdapterObject : Live<HandleKind::adapter> {
  AdapterObject(std::shared_ptr<ModelObject> m, std::shared_ptr<const core::Adapter> a)
      : model(std::move(m)), adapter(std::move(a)) {}
  const std::shared_ptr<ModelObject> model;
  const std::shared_ptr<const core::Adapter> adapter;
};

struct TensorObject : Live<HandleKind::tensor> {
  explicit TensorObject(at::Tensor t) : tensor(std::move(t)) {}
  const at::Tensor tensor;  // contiguous
};

struct EmbeddingObject : Live<HandleKind::embedding> {
  EmbeddingObject(std::shared_ptr<const core::ImageEmbedding> r, int32_t o) : rows(std::move(r)), output(o) {}
  const std::shared_ptr<const core::ImageEmbedding> rows;
  const int32_t output;  // LLAVA_ENCODE_PROJECTED or LLAVA_ENCODE_FEATURES
};

struct MessagePart {
  std::string text;
  std::shared_ptr<ImageObject> image;
  std::shared_ptr<EmbeddingObject> embedding;
};

struct MessageObject : Live<HandleKind::message> {
  explicit MessageObject(int32_t r) : role(r) {}
  std::vector<MessagePart> snapshot() const;

  const int32_t role;
  mutable std::mutex mutex;  // held for moments only
  std::vector<MessagePart> parts;
};

struct DecoderObject : Live<HandleKind::decoder> {
  DecoderObject(std::shared_ptr<ModelObject> m, bool s)
      : model(std::move(m)), special(s), detokenizer(model->bundle->tokenizer) {}
  const std::shared_ptr<ModelObject> model;
  const bool special;
  std::mutex working;
  core::Detokenizer detokenizer;
  bool ended = false;
  std::string text;  // what the last call handed out
};

/// The model with the adapter of the moment.
using CurrentBundle = std::function<std::shared_ptr<const core::Bundle>()>;

struct SessionObject : Live<HandleKind::session> {
  SessionObject(std::shared_ptr<ModelObject> m, std::shared_ptr<core::Session> s, CurrentBundle c)
      : model(std::move(m)), session(std::move(s)), current(std::move(c)) {}
  const std::shared_ptr<ModelObject> model;
  const std::shared_ptr<core::Session> session;
  const CurrentBundle current;
};

struct EventObject : Live<HandleKind::event> {
  explicit EventObject(core::Event e) : event(std::move(e)) {}
  const core::Event event;
};

struct ResponseObject : Live<HandleKind::response> {
  ResponseObject(std::shared_ptr<ModelObject> m, core::Response r) : model(std::move(m)), response(std::move(r)) {}
  const std::shared_ptr<ModelObject> model;
  const core::Response response;
};

struct ReportObject : Live<HandleKind::report> {
  explicit ReportObject(core::Json j) : json(std::move(j)), text(json.dump()) {}
  const core::Json json;
  const std::string text;
};

/// Keeps a cancel token alive and marked as used for as long as an operation may look at it.
class CancelUse {
 public:
  CancelUse() = default;
  explicit CancelUse(const llava_cancel* handle);  // NULL: never cancelled
  ~CancelUse();
  CancelUse(CancelUse&&) noexcept = default;
  CancelUse& operator=(CancelUse&&) = delete;

  const core::CancelToken* token() const { return object_ ? &object_->token : nullptr; }
  core::Cancel cancel() const { return core::Cancel(token()); }

 private:
  std::shared_ptr<CancelObject> object_;
};

struct StreamObject : Live<HandleKind::stream> {
  StreamObject(std::shared_ptr<SessionObject> s, CancelUse use, bool keep)
      : session(std::move(s)), users_cancel(std::move(use)), keep_on_cancel(keep) {}

  const std::shared_ptr<SessionObject> session;
  const CancelUse users_cancel;
  const bool keep_on_cancel;
  core::CancelToken own_cancel;
  std::atomic<bool> cancel_asked{false};
  std::mutex working;       // the one thread that pulls
  bool handed_out = false;  // finish() has given the response
  mutable std::mutex failure_mutex;
  Failure failure;
  std::exception_ptr ended_by;                   // a cancel between two pieces of work
  std::unique_ptr<core::Generation> generation;  // last: it borrows the tokens
};

#define LLAVA_HANDLE(name, type)                         \
  template <>                                            \
  struct HandleType<llava_##name> {                      \
    static constexpr HandleKind kind = HandleKind::name; \
    using Object = type;                                 \
  };
LLAVA_HANDLE(string, StringObject)
LLAVA_HANDLE(buffer, BufferObject)
LLAVA_HANDLE(cancel, CancelObject)
LLAVA_HANDLE(image, ImageObject)
LLAVA_HANDLE(model, ModelObject)
LLAVA_HANDLE(tensor, TensorObject)
LLAVA_HANDLE(embedding, EmbeddingObject)
LLAVA_HANDLE(message, MessageObject)
LLAVA_HANDLE(decoder, DecoderObject)
LLAVA_HANDLE(session, SessionObject)
LLAVA_HANDLE(stream, StreamObject)
LLAVA_HANDLE(event, EventObject)
LLAVA_HANDLE(response, ResponseObject)
LLAVA_HANDLE(adapter, AdapterObject)
LLAVA_HANDLE(report, ReportObject)

/// Defines llava_<name>_retain and llava_<name>_free.
#define LLAVA_COUNTED(name)                                                       \
  llava_status llava_##name##_retain(llava_##name* handle) {                      \
    return guarded(                                                               \
        {}, [&] { retain_handle(handle, HandleKind::name, #name); }, __func__);   \
  }                                                                               \
  void llava_##name##_free(llava_##name* handle) {                                \
    free_handle(handle, static_cast<uint8_t>(HandleKind::name), __func__, #name); \
  }

}  // namespace llava::capi
