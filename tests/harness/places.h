// SPDX-License-Identifier: Apache-2.0
/// Where a test program finds the framework's files and the packages that it tests. @file
/// Why: in the build tree, in an installation and beside an author's cube these are different folders; the program's build
/// knows them, the library does not.
/// Threading: constants.
#pragma once

#include <filesystem>

namespace polycube::harness {

struct Places {
  std::filesystem::path data;          ///< PREFIX/share/polycube, or the build tree's
  std::filesystem::path own_services;  ///< packages of the build that the test belongs to
};

/// Compiled into the test program (places.cpp).
[[nodiscard]] Places places();

}  // namespace polycube::harness
