// A prompt as the language model will see it: token ids and, at image places, the rows of a picture. Two prompts can be
// compared slot by slot, which is how a session finds out what its cache already holds.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkpoint/bundle.hpp"
#include "generate/session.hpp"

namespace llava::core {

struct Slot {
  int64_t id = 0;                               // kImagePlace where a picture stands
  std::shared_ptr<const ImageEmbedding> image;  // only there

  int64_t rows() const { return image ? image->rows_PD.size(0) : 1; }

  /// The same id or the same rows: one picture has others for each layer and with the class token.
  bool operator==(const Slot& other) const;
};

/// Throws Error(argument), with the position, for ids that are neither kImagePlace nor in the model's vocabulary, for
/// the id that the checkpoint itself writes at image places, and when `images` is not the number of places.
void check_raw_ids(const Bundle& bundle, std::span<const int64_t> ids, size_t images);

/// Builds the prompt of a conversation (text/prompt) and puts the pictures into their places. Every picture of `turns`
/// must already be an embedding. `open` leaves the assistant's turn open, to be continued.
std::vector<Slot> build_slots(const Bundle& bundle, const Template& format, const std::optional<std::string>& system,
                              const std::vector<Turn>& turns, bool open);

int64_t count_rows(const std::vector<Slot>& slots, size_t begin, size_t end);

/// Number of leading slots in which both agree.
size_t common_prefix(const std::vector<Slot>& a, const std::vector<Slot>& b);

/// Rows [L, D] of slots begin … end-1.
at::Tensor embed_slots(const Model& model, const std::vector<Slot>& slots, size_t begin, size_t end);

}  // namespace llava::core
