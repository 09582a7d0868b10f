// SPDX-License-Identifier: Apache-2.0
/// Options of polycube-service.
/// Threading: plain values.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace polycube::remote {

struct RunnerOptions {
  std::string connect;            ///< "unix:PATH" or "ADDRESS:PORT"
  std::filesystem::path package;  ///< NAME/, with NAME.yang, NAME.tc.o, NAME.xdp.o and NAME.so
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path ca;
  std::string log_level = "info";
  std::string answer;  ///< what was only asked for is printed and nothing is run
};

/// Errors: invalid_value; the message is for the user and says what to do.
[[nodiscard]] Result<RunnerOptions> parse_options(int argc, const char* const* argv);

}  // namespace polycube::remote
