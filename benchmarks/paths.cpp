// SPDX-License-Identifier: Apache-2.0
#include "paths.h"

namespace polycube::bench {

const Paths& paths() {
  static const Paths paths = {
      .objects = POLYCUBE_BENCH_OBJECTS_DIR,
      .engine = POLYCUBE_BENCH_ENGINE_DIR,
      .yang = POLYCUBE_BENCH_YANG_DIR,
      .own_services = POLYCUBE_BENCH_OWN_SERVICES_DIR,
      .later_services = POLYCUBE_BENCH_LATER_SERVICES_DIR,
      .services = POLYCUBE_BENCH_SERVICES_DIR,
      .source = POLYCUBE_BENCH_SOURCE_DIR,
      .daemon = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "polycubed",
  };
  return paths;
}

}  // namespace polycube::bench
