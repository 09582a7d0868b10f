// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: from an edited cube tree to a valid one.
/// Threading: one cube by one thread; what runs is only read.
#pragma once

#include "model/working_copy.h"

namespace polycube::model {

/// Completes an edited cube, which exists, with defaults and validates it.
/// Entries that follow something the edit removed go away; other references to it are refused.
[[nodiscard]] Result<> complete(WorkingCopy& cube);

/// Removes the entries that follow what was deleted, then checks that every other leafref has its target.
/// Errors: in_use (the edit removed the target), data_missing (there never was one).
[[nodiscard]] Result<> resolve_references(WorkingCopy& cube);

/// The message of the last validation as an Error, reworded; `tree`: what was validated.
[[nodiscard]] Error validation_error(const ly_ctx* context, const lyd_node* tree);

}  // namespace polycube::model
