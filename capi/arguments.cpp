// Checks shared by the functions of the C ABI.
#include "arguments.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>

#include "base/limits.hpp"
#include "base/utf8.hpp"
#include "generate/slots.hpp"

namespace llava::capi {

using core::cat;
using core::Error;
using core::Status;

std::vector<MessagePart> MessageObject::snapshot() const {
  const std::lock_guard lock(mutex);
  return parts;
}

CancelUse::CancelUse(const llava_cancel* handle) {
  if (!handle) return;
  object_ = get(handle, "options.cancel");
  object_->users.fetch_add(1);
}

CancelUse::~CancelUse() {
  if (object_) object_->users.fetch_sub(1);
}

void required(const void* pointer, const char* name) {
  if (!pointer) throw Error(Status::argument, cat(name, " is NULL, expected a place for the result"));
}

std::string_view text_argument(const char* text, size_t size, const char* name, int64_t limit) {
  if (!text && size) throw Error(Status::argument, cat(name, " is NULL, expected ", size, " bytes of text"));
  if (size > static_cast<size_t>(limit))
    throw Error(Status::limit, cat(name, " has ", size, " bytes, expected at most ", limit)).with("limit", limit);
  const std::string_view view(text ? text : "", size);
  size_t offset = 0;
  if (!core::valid_utf8(view, &offset))
    throw Error(Status::argument, cat(name, " is not UTF-8 at byte ", offset))
        .with("offset", static_cast<int64_t>(offset));
  return view;
}

std::string_view text_argument(const char* text, const char* name, int64_t limit) {
  if (!text) throw Error(Status::argument, cat(name, " is NULL, expected a text"));
  return text_argument(text, strnlen(text, static_cast<size_t>(limit) + 1), name, limit);
}

std::string path_argument(const char* path, const char* name) {
  if (!path) throw Error(Status::argument, cat(name, " is NULL, expected a path"));
  const size_t size = strnlen(path, core::limits::kPathBytes + 1);
  if (size == 0) throw Error(Status::argument, cat(name, " is empty, expected a path"));
  if (size > static_cast<size_t>(core::limits::kPathBytes))
    throw Error(Status::limit, cat(name, " is longer than ", core::limits::kPathBytes, " bytes"));
  return {path, size};  // not necessarily UTF-8: the file system decides
}

void check_index(int64_t index, int64_t count, const char* name) {
  if (index < 0 || index >= count)
    throw Error(Status::argument, cat(name, " is ", index, ", expected 0 … ", count - 1, " (there are ", count, ")"))
        .with("count", count);
}

void check_flags(int32_t flags, int32_t known, const char* name) {
  if (flags & ~known) throw Error(Status::argument, cat(name, " is ", flags, ", expected bits of ", known));
}

void check_range(int64_t value, int64_t low, int64_t high, const char* name) {
  if (value < low || value > high)
    throw Error(Status::argument, cat(name, " is ", value, ", expected ", low, " … ", high));
}

llava_string* new_string(std::string text) {
  return wrap<llava_string>(std::make_shared<StringObject>(std::move(text)));
}

llava_tensor* new_tensor(at::Tensor tensor) {
  return wrap<llava_tensor>(std::make_shared<TensorObject>(tensor.to(at::kCPU, at::kFloat).contiguous()));
}

void check_embedding(const EmbeddingObject& embedding, const core::Bundle& bundle, const char* name) {
  if (embedding.output != LLAVA_ENCODE_PROJECTED)
    throw Error(Status::argument, cat(name, " holds features before the projector, expected projected rows"));
  if (embedding.rows->fingerprint != bundle.image_fingerprint)
    throw Error(Status::argument, cat(name, " belongs to the model ", embedding.rows->fingerprint, ", expected ",
                                      bundle.image_fingerprint, bundle.adapter ? " (with its adapter)" : ""));
}

core::Turn turn_of(const MessageObject& message, const core::Bundle& bundle) {
  core::Turn turn;
  turn.role = static_cast<core::Role>(message.role);
  for (auto& part : message.snapshot()) {
    core::TurnPart& to = turn.parts.emplace_back();
    if (part.embedding) {
      check_embedding(*part.embedding, bundle, "an embedding of the message");
      to.kind = core::TurnPart::Kind::embedding;
      to.embedding = part.embedding->rows;
    } else if (part.image) {
      to.kind = core::TurnPart::Kind::picture;
      to.picture = part.image->picture;
    } else {
      to.text = std::move(part.text);
    }
  }
  return turn;
}

RawPrompt raw_prompt(const core::Bundle& bundle, const int32_t* ids, int64_t id_count,
                     const llava_embedding* const* embeddings, int32_t embedding_count) {
  const auto list = list_argument(ids, id_count, "ids", "id_count", 1, core::limits::kContext);
  const auto handles =
      list_argument(embeddings, embedding_count, "embeddings", "embedding_count", 0, core::limits::kContext);
  RawPrompt prompt;
  prompt.ids.assign(list.begin(), list.end());
  check_raw_ids(bundle, prompt.ids, handles.size());
  prompt.rows = id_count - embedding_count;
  for (size_t i = 0; i < handles.size(); ++i) {
    const auto name = cat("embeddings[", i, "]");
    const auto embedding = get(handles[i], name.c_str());
    check_embedding(*embedding, bundle, name.c_str());
    prompt.rows += embedding->rows->rows_PD.size(0);
    prompt.embeddings.push_back(embedding->rows);
  }
  return prompt;
}

}  // namespace llava::capi
