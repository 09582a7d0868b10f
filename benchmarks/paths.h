// SPDX-License-Identifier: Apache-2.0
/// Where the benchmarks find what they use; all of it in the build tree and in the sources.
/// Threading: constant.
#pragma once

#include <filesystem>

namespace polycube::bench {

struct Paths {
  std::filesystem::path objects;  ///< programs of the benchmarks
  std::filesystem::path engine;   ///< programs of the engine
  std::filesystem::path yang;
  std::filesystem::path own_services;    ///< folder of service packages that only benchmarks use
  std::filesystem::path later_services;  ///< with other tables than those of the same name in `services`
  std::filesystem::path services;
  std::filesystem::path source;  ///< root of the source tree, for counting lines
  std::filesystem::path daemon;  ///< polycubed
};
[[nodiscard]] const Paths& paths();

}  // namespace polycube::bench
