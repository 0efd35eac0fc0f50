// Checks of what a caller hands over, with messages that name the argument, what was found and what was expected.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "guard.hpp"
#include "objects.hpp"

namespace llava::capi {

/// Throws Error(argument) for NULL.
void required(const void* pointer, const char* name);

/// A text that ends with NUL, or of a stated length; at most `limit` bytes of UTF-8.
/// Throws Error(argument) for NULL or bytes that are not UTF-8 (with offset), Error(limit).
std::string_view text_argument(const char* text, const char* name, int64_t limit);
std::string_view text_argument(const char* text, size_t size, const char* name, int64_t limit);
std::string path_argument(const char* path, const char* name);

/// A list that may be NULL when it is empty.
template <typename Item>
std::span<const Item> list_argument(const Item* items, int64_t count, const char* name, const char* count_name,
                                    int64_t lowest, int64_t limit) {
  using core::cat;
  if (count < lowest)
    throw core::Error(core::Status::argument, cat(count_name, " is ", count, ", expected at least ", lowest));
  if (count > limit)
    throw core::Error(core::Status::limit, cat(count_name, " is ", count, ", expected at most ", limit))
        .with("limit", limit);
  if (count > 0 && !items)
    throw core::Error(core::Status::argument, cat(name, " is NULL, expected a list (", count_name, " is ", count, ")"));
  return {items, static_cast<size_t>(count)};
}

/// Throws Error(argument) unless 0 <= index < count.
void check_index(int64_t index, int64_t count, const char* name);

/// Throws Error(argument) for bits outside `known`.
void check_flags(int32_t flags, int32_t known, const char* name);

/// Throws Error(argument) unless low <= value <= high.
void check_range(int64_t value, int64_t low, int64_t high, const char* name);

/// Writes the number needed, and the items when they fit.
/// Throws Error(argument) for a missing `needed` or NULL with a capacity, Error(buffer_too_small).
template <typename Item>
void copy_out(std::span<const Item> items, Item* to, size_t capacity, size_t* needed, const char* needed_name) {
  required(needed, needed_name);
  if (!to && capacity)
    throw core::Error(core::Status::argument, core::cat("capacity is ", capacity, " without a buffer, expected 0"));
  if (to && items.size() > capacity) {
    *needed = items.size();
    throw core::Error(core::Status::buffer_too_small,
                      core::cat("the buffer has room for ", capacity, ", needed are ", items.size()))
        .with("needed", static_cast<int64_t>(items.size()));
  }
  *needed = items.size();
  if (to && !items.empty()) std::memcpy(to, items.data(), items.size() * sizeof(Item));
}

/// A text into a field of a struct that was zeros; what is too long is cut.
template <size_t Room>
void put_text(char (&to)[Room], std::string_view text) {
  std::memcpy(to, text.data(), std::min(text.size(), Room - 1));
}

llava_string* new_string(std::string text);
llava_tensor* new_tensor(at::Tensor tensor);  // moved to the CPU as f32

/// A message's parts as a turn of the core. Throws Error(argument) for an embedding of another model or one that is not
/// projected, both fingerprints named.
core::Turn turn_of(const MessageObject& message, const core::Bundle& bundle);

/// Throws Error(argument) unless the embedding can be read by the language model of `bundle`.
void check_embedding(const EmbeddingObject& embedding, const core::Bundle& bundle, const char* name);

/// The objects of `embeddings`, each checked; ids compared with the vocabulary and the number of places.
struct RawPrompt {
  std::vector<int64_t> ids;
  std::vector<std::shared_ptr<const core::ImageEmbedding>> embeddings;
  int64_t rows = 0;  // positions it takes
};
RawPrompt raw_prompt(const core::Bundle& bundle, const int32_t* ids, int64_t id_count,
                     const llava_embedding* const* embeddings, int32_t embedding_count);

}  // namespace llava::capi
