// SPDX-License-Identifier: Apache-2.0
/// What of a service's package is loaded: files that belong to root, in folders that nobody else can change.
/// Why: models and objects decide what the daemon does as much as the library with the control plane, which runs in it, or in a
/// process of its own.
/// Invariants: a library stays loaded: objects of its classes may outlive the last cube.
/// Threading: safe from every thread.
#pragma once

#include <polycube/control.h>

#include <filesystem>

namespace polycube::service {

/// Whether a package may be loaded: its folder, each file in it, and all folders above them belong to root, or to who runs
/// this, and nobody else may write them (folders with the sticky bit, such as /tmp, are no harm above). So do links on the way
/// and the folders that they are in. Errors: access_denied, system.
[[nodiscard]] Result<> check_package(const std::filesystem::path& folder);

/// Loads NAME.so. Only what belongs to root, or to who runs this, and nobody else may write is loaded. Errors:
/// access_denied, invalid_value (no library, or of another interface), naming the file.
[[nodiscard]] Result<const control::Service*> load_control(const std::filesystem::path& library);

}  // namespace polycube::service
