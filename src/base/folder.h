// SPDX-License-Identifier: Apache-2.0
/// What is in a folder, and where this program's own are.
/// Threading: pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace polycube {

/// The names of files that end so, without that end, in order; none for a folder that cannot be read.
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& folder, std::string_view suffix);

/// PREFIX of PREFIX/bin/PROGRAM, the program that runs: beside bin/ are its data, in an installation and in a build tree.
[[nodiscard]] std::filesystem::path own_prefix();

}  // namespace polycube
