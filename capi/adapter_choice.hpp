// Which adapter a call uses: what its options name, else its session's or the attached one.
#pragma once

#include <functional>
#include <memory>

#include "objects.hpp"

namespace llava::capi {

/// The model as a call shall see it. `name`: NULL for the attached adapter, "" for none, else one in memory at `scale`.
/// Throws Error(not_found) for a name that no adapter has.
std::shared_ptr<const core::Bundle> chosen_bundle(const ModelObject& model, const char* name, float scale);

/// The same for an operation of a session, whose own choice stands where the options name none.
std::shared_ptr<const core::Bundle> chosen_bundle(const SessionObject& session, const char* name, float scale);

/// What a session asks at the beginning of each operation: the adapter it was made with, kept alive, or the attached
/// one of the moment.
CurrentBundle session_choice(const ModelObject& model, const char* name, float scale);

}  // namespace llava::capi
