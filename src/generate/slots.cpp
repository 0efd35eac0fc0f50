// Prompts with pictures in their places.
#include "generate/slots.hpp"

#include <ATen/ops/equal.h>

#include <algorithm>

#include "base/error.hpp"
#include "model/splice.hpp"
#include "text/prompt.hpp"

namespace llava::core {
namespace {

static_assert(kImagePlace == kImageToken, "text and model must agree on the mark of an image place");

Part text_part(const TurnPart& part, std::vector<std::shared_ptr<const ImageEmbedding>>& images) {
  Part out;
  switch (part.kind) {
    case TurnPart::Kind::text:
      out.kind = Part::Kind::text;
      out.text = part.text;
      break;
    case TurnPart::Kind::ids:
      out.kind = Part::Kind::ids;
      out.ids = part.ids;
      images.insert(images.end(), part.embeddings.begin(), part.embeddings.end());
      break;
    case TurnPart::Kind::picture:
      throw Error(Status::internal, "a picture reached the prompt before it was encoded");
    case TurnPart::Kind::embedding:
      out.kind = Part::Kind::image;
      images.push_back(part.embedding);
      break;
  }
  return out;
}

}  // namespace

bool Slot::operator==(const Slot& other) const {
  if (id != other.id || !image != !other.image) return false;
  return !image || image == other.image || at::equal(image->rows_PD, other.image->rows_PD);
}

void check_raw_ids(const Bundle& bundle, std::span<const int64_t> ids, size_t images) {
  const auto& config = bundle.config;
  size_t places = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == kImagePlace) {
      ++places;
    } else if (ids[i] < 0 || ids[i] >= config.language.vocabulary) {
      throw Error(Status::argument, cat("ids[", i, "] is ", ids[i], ", expected 0 … ", config.language.vocabulary - 1,
                                        ", or ", kImagePlace, " (LLAVA_IMAGE_TOKEN) for an embedding"));
    } else if (ids[i] == config.image_token) {
      throw Error(Status::argument, cat("ids[", i, "] is ", ids[i], ", the mark of a picture in this checkpoint: use ",
                                        kImagePlace, " (LLAVA_IMAGE_TOKEN), once for each embedding"));
    }
  }
  if (places != images)
    throw Error(Status::argument, cat("the ids have ", places, " image places, ", images, " embeddings were given"));
}

std::vector<Slot> build_slots(const Bundle& bundle, const Template& format, const std::optional<std::string>& system,
                              const std::vector<Turn>& turns, bool open) {
  Conversation conversation;
  conversation.system = system;
  std::vector<std::shared_ptr<const ImageEmbedding>> images;
  for (const auto& turn : turns) {
    // turns of one role that follow each other are one message
    if (conversation.messages.empty() || conversation.messages.back().role != turn.role)
      conversation.messages.push_back({turn.role, {}});
    for (const auto& part : turn.parts) conversation.messages.back().parts.push_back(text_part(part, images));
  }
  PromptOptions options;
  options.open_assistant_turn = open;
  options.image_marks = bundle.marks_for(format);
  options.vocabulary = bundle.config.language.vocabulary;
  auto prompt = build_prompt(*bundle.tokenizer, format, conversation, options);
  // raw ids under "none" are the whole prompt: whoever gives ids gives their BOS too
  if (format.style == TemplateStyle::none && format.bos && !turns.empty() && !turns.front().parts.empty() &&
      turns.front().parts.front().kind == TurnPart::Kind::ids)
    prompt.ids.erase(prompt.ids.begin());

  std::vector<Slot> slots;
  slots.reserve(prompt.ids.size());
  size_t next = 0;
  for (const auto id : prompt.ids) {
    if (id != kImagePlace) {
      slots.push_back({id, nullptr});
    } else if (next < images.size()) {
      slots.push_back({id, images[next++]});
    } else {
      throw Error(Status::argument, cat("the prompt has more image places than the ", images.size(), " images given"));
    }
  }
  if (next != images.size())
    throw Error(Status::argument, cat("the prompt has ", next, " image places, ", images.size(), " images were given"));
  return slots;
}

int64_t count_rows(const std::vector<Slot>& slots, size_t begin, size_t end) {
  int64_t rows = 0;
  for (size_t i = begin; i < end; ++i) rows += slots[i].rows();
  return rows;
}

size_t common_prefix(const std::vector<Slot>& a, const std::vector<Slot>& b) {
  const size_t most = std::min(a.size(), b.size());
  size_t same = 0;
  while (same < most && a[same] == b[same]) ++same;
  return same;
}

at::Tensor embed_slots(const Model& model, const std::vector<Slot>& slots, size_t begin, size_t end) {
  std::vector<int64_t> ids;
  std::vector<at::Tensor> features;
  for (size_t i = begin; i < end; ++i) {
    ids.push_back(slots[i].id);
    if (slots[i].image) features.push_back(slots[i].image->rows_PD);
  }
  return model.embed(ids, features);
}

}  // namespace llava::core
