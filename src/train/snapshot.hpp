// What a run saves of its own state, whole or not at all, and how it goes on from there: values, both moments and the
// number of steps. Everything else a step needs is a function of the settings and that number.
//
//   RUN/checkpoints/step-00000120/state.safetensors   <canonical name>.value, .first_moment, .second_moment; f32
//                                /manifest.json       written last: step, how many were left out, settings, size and
//                                                     hash of the state, where data and model came from, what computed,
//                                                     and last its own hash
//
// The file is the same whatever the number of ranks that wrote it, and any number goes on from it. All ranks call these
// together, with folders that all of them see; rank 0 writes. What fails on one is thrown on all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/snapshot_file.hpp"
#include "train/stepper.hpp"

namespace llava::core {

/// Saves to `run`/checkpoints/step-N and deletes the oldest beyond `keep`.
/// Throws Error(io): what was there before still is.
void save_snapshot(const std::string& run, Stepper& stepper, const RunIdentity& identity, int64_t keep);

SnapshotCounts counts_of(const TrainingState& state);

/// Continues from the newest snapshot that every rank finds whole; damaged ones are passed over with a warning that says what is
/// wrong with them. Returns its folder; nothing when the run has none that is whole.
///
///   other_means  receives what computes otherwise than what wrote it (machine_difference() of train/origin), or ""
///
/// Throws Error(argument) when its settings are others, with both values of each that differs; of other data or another
/// model with the file, the record or the part that is.
std::optional<std::string> resume_newest(const std::string& run, Stepper& stepper, const RunIdentity& identity,
                                         std::string* other_means = nullptr);

/// Continues from one snapshot. Error(not_found | format | io) when it is missing or damaged, Error(argument) as above.
void resume_from(const std::string& folder, Stepper& stepper, const RunIdentity& identity,
                 std::string* other_means = nullptr);

/// Of values alone, without the gaps: the same wherever and however they were computed, or not the same. All ranks call
/// this together.
std::string parameter_hash(Stepper& stepper);

}  // namespace llava::core
