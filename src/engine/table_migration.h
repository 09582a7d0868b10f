// SPDX-License-Identifier: Apache-2.0
/// From a table that an earlier version of a program filled to the one that the program declares now.
/// Why: an upgrade must not lose what was learned.
/// Invariants: fields go over by name; those that are new are zero, those that are gone are dropped. Of the key every field
/// must be there. Integers may change their size as long as the value fits; what cannot go over is left out and logged.
/// Threading: pure but for the maps.
#pragma once

#include <string>

#include "bpf/pin.h"
#include "engine/scoped_table.h"

namespace polycube::engine {

/// `user`: whose table it is, for the log.
void migrate(const bpf::KnownMap& old, const bpf::Map& now, const TableShape& shape, const std::string& user);

/// Converts one value; false when it cannot be. `to` is zeros, of the new size. `complete`: all fields must have been there.
[[nodiscard]] bool convert(const bpf::Layout& old_layout, std::span<const std::byte> from, const bpf::Layout& layout,
                           std::span<std::byte> to, bool complete);

}  // namespace polycube::engine
