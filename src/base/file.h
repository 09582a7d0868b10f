// SPDX-License-Identifier: Apache-2.0
/// Files that are whole or not there.
/// Why: a program can end, and a machine lose its power, in the middle of writing.
/// Threading: pure functions.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polycube {

/// What a file outlives.
enum class Lasting {
  process,  ///< the end of this program: nothing waits for the disk
  power,    ///< a loss of power as well
};

/// Puts a file of mode 0600 into its place, whatever file was there; at any instant that is what it was before, or whole.
/// Errors: system.
[[nodiscard]] Result<> put_file(const std::filesystem::path& file, std::string_view content, Lasting lasting);

/// The names in a folder, as they are now, outlive a loss of power. Errors: system.
[[nodiscard]] Result<> sync_folder(const std::filesystem::path& folder);

/// Errors: data_missing (there is none), system.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& file);

}  // namespace polycube
