// SPDX-License-Identifier: Apache-2.0
/// Loads the library with a service's control plane, in the daemon or in a process of its own.
/// Invariants: a library stays loaded: objects of its classes may outlive the last cube.
/// Threading: safe from every thread.
#pragma once

#include <polycube/control.h>

#include <filesystem>

namespace polycube::service {

/// Loads NAME.so. Only what belongs to root, or to who runs this, and nobody else may write is loaded. Errors:
/// access_denied, invalid_value (no library, or of another interface), naming the file.
[[nodiscard]] Result<const control::Service*> load_control(const std::filesystem::path& library);

}  // namespace polycube::service
