// Where the data and the model of a run come from, in enough detail to say which part of them has changed since, and
// what computes. The numeric settings hold one hash of each, which decides; this is for the message, and never decides
// that a run is the same.
#pragma once

#include <string>

#include "base/json_value.hpp"
#include "checkpoint/plan.hpp"
#include "data/record_index.hpp"

namespace llava::core {

/// {"data": {"path", "bytes", "records", "parts"}, "model": {"path", "config", "vision", "projector", "language"}}: hashes
/// of up to 256 equal stretches of the records, and of config.json and the model's parts (names, shapes, types, first and
/// last bytes of each tensor). Reads the data file once. Throws Error(io).
Json origin_of(const RecordIndex& data, const LoadPlan& plan);

/// How "data" or "model" differs between two origins: "new.json (12 records, 3021 bytes) now and was old.json (12
/// records, 3020 bytes), other in record 5"; "" when there is nothing to say (an origin that has not both).
std::string origin_difference(const std::string& key, const Json& before, const Json& now);

/// {"libtorch": "2.11.0", "cpu": "AVX2", "threads": 2}: what decides in which order sums are made, and is no setting.
Json machine_of();

/// How two of them differ where that may change bits: "threads is 4 now and was 2"; "" when nothing does. Threads do not
/// matter where every operation runs on one, in kLanes lanes (train/network): `threads_matter` says whether it is otherwise.
std::string machine_difference(const Json& before, const Json& now, bool threads_matter);

/// What of a model that is the same by its hash is not: the hash of a run's settings does not look into the language
/// model. "" when nothing is.
std::string hidden_difference(const Json& before, const Json& now);

}  // namespace llava::core
