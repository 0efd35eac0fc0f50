// include/llava/tokenizer.h: words to ids and back.
#include <llava/tokenizer.h>

#include "arguments.hpp"
#include "base/limits.hpp"

using namespace llava::capi;
using llava::core::cat;
using llava::core::Error;
using llava::core::Status;
using llava::core::Tokenizer;
namespace limits = llava::core::limits;

namespace {

void tokenize(const llava_model* model, std::string_view text, int32_t flags, int32_t* ids, size_t capacity,
              size_t* count) {
  const auto object = get(model, "model");
  check_flags(flags, LLAVA_TOKENIZE_BOS, "flags");
  const auto& tokenizer = *object->bundle->tokenizer;
  auto found = tokenizer.encode(text);
  if ((flags & LLAVA_TOKENIZE_BOS) && tokenizer.bos() >= 0) found.insert(found.begin(), tokenizer.bos());
  copy_out(std::span<const int32_t>(found), ids, capacity, count, "count");
}

void check_id(const Tokenizer& tokenizer, int32_t id, const std::string& name) {
  if (id < 0 || id >= tokenizer.size())
    throw Error(Status::argument, cat(name, " is ", id, ", expected 0 … ", tokenizer.size() - 1));
}

// Runs of ordinary ids as text, special ones by their names in between.
std::string with_special(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  std::string text;
  size_t begin = 0;
  for (size_t i = 0; i <= ids.size(); ++i) {
    if (i < ids.size() && !tokenizer.is_special(ids[i])) continue;
    text += tokenizer.decode(ids.subspan(begin, i - begin));
    if (i < ids.size()) text += tokenizer.piece(ids[i]);
    begin = i + 1;
  }
  return text;
}

int32_t special_id(const llava::core::Bundle& bundle, int32_t kind) {
  switch (kind) {
    case LLAVA_TOKEN_BOS:
      return bundle.tokenizer->bos();
    case LLAVA_TOKEN_EOS:
      return bundle.tokenizer->eos();
    case LLAVA_TOKEN_UNK:
      return bundle.tokenizer->unk();
    case LLAVA_TOKEN_PAD:
      return bundle.tokenizer->pad();
    default:
      return static_cast<int32_t>(bundle.config.image_token);
  }
}

}  // namespace

llava_status llava_tokenize(const llava_model* model, const char* text, int32_t flags, int32_t* ids, size_t capacity,
                            size_t* count) {
  return guarded(cleared(count), [&] {
    tokenize(model, text_argument(text, "text", limits::kTextPartBytes), flags, ids, capacity, count);
  });
}

llava_status llava_tokenize_n(const llava_model* model, const char* text, size_t size, int32_t flags, int32_t* ids,
                              size_t capacity, size_t* count) {
  return guarded(cleared(count), [&] {
    tokenize(model, text_argument(text, size, "text", limits::kTextPartBytes), flags, ids, capacity, count);
  });
}

llava_status llava_detokenize(const llava_model* model, const int32_t* ids, size_t count, int32_t flags,
                              llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(model, "model");
    const auto& tokenizer = *object->bundle->tokenizer;
    check_flags(flags, LLAVA_DETOKENIZE_SPECIAL, "flags");
    const auto size = static_cast<int64_t>(std::min<size_t>(count, limits::kTextPartBytes + 1));
    const auto list = list_argument(ids, size, "ids", "count", 0, limits::kTextPartBytes);
    for (size_t i = 0; i < list.size(); ++i) check_id(tokenizer, list[i], cat("ids[", i, "]"));
    *out = new_string(flags ? with_special(tokenizer, list) : tokenizer.decode(list));
  });
}

llava_status llava_token_text(const llava_model* model, int32_t id, llava_string** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    const auto object = get(model, "model");
    check_id(*object->bundle->tokenizer, id, "id");
    *out = new_string(std::string(object->bundle->tokenizer->piece(id)));
  });
}

llava_status llava_special_token(const llava_model* model, int32_t kind, int32_t* id) {
  return guarded(cleared(id), [&] {
    required(id, "id");
    const auto object = get(model, "model");
    check_range(kind, LLAVA_TOKEN_BOS, LLAVA_TOKEN_IMAGE, "kind");
    const int32_t found = special_id(*object->bundle, kind);
    if (found < 0) throw Error(Status::not_found, cat("the model has no special token of kind ", kind));
    *id = found;
  });
}

llava_status llava_decoder_create(const llava_model* model, int32_t flags, llava_decoder** out) {
  return guarded(cleared(out), [&] {
    required(out, "out");
    check_flags(flags, LLAVA_DETOKENIZE_SPECIAL, "flags");
    *out = wrap<llava_decoder>(std::make_shared<DecoderObject>(get(model, "model"), flags != 0));
  });
}

namespace {

// One call on a decoder: `work` gives the text, which stays until the next call.
template <typename Work>
void decode(llava_decoder* decoder, const char** text, size_t* size, Work&& work) {
  required(text, "text");
  const auto object = get(decoder, "decoder");
  const std::unique_lock lock(object->working, std::try_to_lock);
  if (!lock) throw Error(Status::busy, "the decoder is used by another thread");
  object->text = work(*object);
  *text = object->text.c_str();
  if (size) *size = object->text.size();
}

}  // namespace

llava_status llava_decoder_push(llava_decoder* decoder, int32_t id, const char** text, size_t* size) {
  return guarded(cleared(text, size), [&] {
    decode(decoder, text, size, [&](DecoderObject& object) {
      const auto& tokenizer = *object.model->bundle->tokenizer;
      check_id(tokenizer, id, "id");
      auto ready = object.detokenizer.push(id);
      if (object.special && tokenizer.is_special(id)) ready += tokenizer.piece(id);
      return ready;
    });
  });
}

llava_status llava_decoder_flush(llava_decoder* decoder, const char** text, size_t* size) {
  return guarded(cleared(text, size), [&] {
    decode(decoder, text, size, [](DecoderObject& object) {
      if (object.ended) throw Error(Status::state, "the decoder was flushed before");
      object.ended = true;
      return object.detokenizer.flush();
    });
  });
}

LLAVA_COUNTED(decoder)
