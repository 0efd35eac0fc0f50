// A conversation and a template make a list of pieces. The list is the structure; no string carries any.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/conversation.hpp"
#include "text/templates.hpp"

namespace llava::core {

struct PromptPiece {
  enum class Kind { begin, text, mark, image, ids };  // begin: one BOS, nothing in text

  Kind kind = Kind::text;
  std::string text;          // the words; for a mark its name, e.g. "</s>"
  std::vector<int64_t> ids;  // of Kind::ids
  bool learned = false;      // part of what the assistant must say: from the blank after "ASSISTANT:" to its end mark
};

/// Pieces of the whole conversation, `begin` first where the row wants a BOS; with `open_turn` the opening of an
/// assistant turn ends them.
///
/// Images of a user message (Template::images):
///   in_place  [image, text] -> "<image>\ntext"; [text, image] -> "text\n<image>"; images alone -> "<image>\n" each
///   first     images first whatever the order, each with a line break; every text with the separator behind it
///   own_turn  first message: "<Image><image></Image>" in a turn answered "Received."; later: in place, wrapped so
///   alone     the image and no text (stage 1)
///   as_is     in place, nothing between
/// Text parts that follow one another are joined as they are. Raw ids stand where they are. An assistant message that
/// begins with raw ids follows its opening directly ("ASSISTANT:" and no blank), so that a prompt grows by exactly the
/// ids that were generated. A user message of raw ids alone is a raw turn: nothing of the template stands around it or
/// its answer, and where it opens the conversation there is no system text and no BOS (under "none" the BOS stays:
/// whoever gives ids there decides about it). An empty system text is left out together with its separator.
///
/// Throws Error(argument) unless user and assistant alternate from the user on, after at most one system message (any
/// order under "none"), and the last is the user's where a turn is to be opened; for an image outside a user message.
/// Error(limit) for too many or too long parts (base/limits.hpp).
std::vector<PromptPiece> prompt_pieces(const Template& row, const Conversation& conversation, bool open_turn);

/// The pieces as one string, "<image>" at the places: for people to read, never to tokenise.
std::string render(const Template& row, const Conversation& conversation, bool open_turn);

}  // namespace llava::core
