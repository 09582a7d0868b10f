// SPDX-License-Identifier: Apache-2.0
/// One run of polycubectl: arguments in, texts and exit code out.
/// Invariants: the texts are complete before they are printed, but for what is followed; -json and -yaml print one document, or an error alone.
/// Threading: one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.h"
#include "cli/command_line.h"

namespace polycube::cli {

enum ExitCode : int {
  exit_success = 0,
  exit_transport = 1,  ///< the daemon cannot be reached, or the settings cannot be read
  exit_faulty = 1,     ///< of `status`: something is wrong
  exit_refused = 2,    ///< the daemon, or the model on its behalf, refused
  exit_syntax = 3,     ///< the command line or the document on standard input is malformed
};

struct Outcome {
  int code = exit_success;
  std::string text;   ///< what was asked for
  std::string error;  ///< why it is not there; empty when the code is exit_success or exit_faulty
};

/// What the run sees of its surroundings.
struct Surroundings {
  bool terminal = false;  ///< standard output is one
  bool unicode = false;   ///< the locale's character set is UTF-8
  std::size_t width = 0;  ///< columns of the terminal; 0 = unlimited
  bool expert = true;     ///< offer `services` in help
  std::string version;
  /// Text on standard input, or nothing when nobody feeds it. `required`: the command is nothing without one.
  std::function<Result<std::optional<std::string>>(bool required)> read_input;
  std::function<void(double seconds)> sleep;    ///< between the two reads of a rate
  std::function<void(std::string_view)> print;  ///< at once, of commands that follow what happens
  std::function<bool()> interrupted;            ///< whether these are to end
  std::function<double()> now;                  ///< seconds in Unix time
};

[[nodiscard]] Outcome run(const std::vector<std::string>& arguments, Transport& transport, const Surroundings& around);

}  // namespace polycube::cli
