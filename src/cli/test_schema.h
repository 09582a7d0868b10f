// SPDX-License-Identifier: Apache-2.0
/// The schema of testdata/schema.json: three plain services, and a router with several keys, nested lists and actions.
/// Threading: the schema is built once and never changes.
#pragma once

#include <fstream>
#include <sstream>

#include "cli/schema.h"

namespace polycube::cli {

inline std::string test_schema_text() {
  std::ifstream file(std::string(POLYCUBE_TEST_SOURCE_DIR) + "/testdata/schema.json");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline const Schema& test_schema() {
  static const Schema schema = Schema::parse(test_schema_text()).value();
  return schema;
}

}  // namespace polycube::cli
