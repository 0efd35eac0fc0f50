// llava_chat_options as the core reads them.
#pragma once

#include <llava/chat.h>

#include "generate/session.hpp"

namespace llava::capi {

/// Where a field is -1, the model's own value. Pointers of `settings` are not needed afterwards.
core::ChatOptions chat_options(const llava_chat_options& settings, const core::Bundle& bundle);

/// The turn a message asks for; none for NULL. Throws Error(argument) for another role than user and for an empty
/// message.
std::optional<core::Turn> question(const llava_message* message, const core::Bundle& bundle);

}  // namespace llava::capi
