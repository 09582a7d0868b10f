// SPDX-License-Identifier: Apache-2.0
/// The record of the commands that were given, and of their answers, kept if its folder exists.
/// Why: what an operator did is the first question after an incident; that it cannot be written is never an error.
/// Invariants: a file and its three backups hold at most 1 MB each, but for one line.
/// Threading: several processes may write at once; each line is whole.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace polycube::cli {

/// Appends to FOLDER/polycubectl.log, and with `text` to FOLDER/polycubectl_response.log.
void record(const std::filesystem::path& folder, const std::vector<std::string>& arguments, int code,
            const std::string& text);

}  // namespace polycube::cli
