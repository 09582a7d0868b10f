// SPDX-License-Identifier: Apache-2.0
#include "harness/places.h"

namespace polycube::harness {

Places places() { return {POLYCUBE_DATA_DIR, POLYCUBE_TEST_SERVICES_DIR}; }

}  // namespace polycube::harness
