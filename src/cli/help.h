// SPDX-License-Identifier: Apache-2.0
/// Help (`?`) and completion, answered from the models and from what runs.
/// Why: both say what may be typed next, so both are computed from the same offers.
/// Invariants: completion never fails: what cannot be known offers nothing.
/// Threading: pure but for the functions in Live.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/path.h"

namespace polycube::cli {

/// What only the daemon knows. Failures are empty answers.
struct Live {
  struct Cube {
    std::string name;
    std::string service;
  };
  std::function<std::vector<Cube>()> cubes;
  std::function<std::vector<std::vector<std::string>>(const Target&)> entries;  ///< keys of a list's entries
  std::function<std::vector<std::string>()> devices;
  std::function<std::vector<std::string>()> ports;  ///< "cube:port"
};

/// The text for a command line that ended in `?` (or for an empty one). Errors: as resolve().
[[nodiscard]] Result<std::string> help(const Schema& schema, const CommandLine& line, const Live& live, bool expert);

/// Candidates for the word `partial` that follows `before`, sorted.
[[nodiscard]] std::vector<std::string> complete(const Schema& schema, const std::vector<std::string>& before,
                                                const std::string& partial, const Live& live);

}  // namespace polycube::cli
