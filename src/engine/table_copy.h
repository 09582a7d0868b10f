// SPDX-License-Identifier: Apache-2.0
/// What is in a table, into another that is declared alike.
/// Why: a simulation must neither change what it reads nor wait for packets to leave it alone.
/// Invariants: the table that is read stays as it is. Elements that come, change or go meanwhile may be copied or not.
/// Threading: pure but for the maps.
#pragma once

#include "engine/scoped_table.h"

namespace polycube::engine {

/// False of a table whose elements cannot be read without taking them out, or that leads to what only its own programs know:
/// then nothing is copied. Of a table that leaves out its oldest elements when it is full, a few may be missing.
[[nodiscard]] Result<bool> copy_table(const Table& from, const Table& to);

}  // namespace polycube::engine
