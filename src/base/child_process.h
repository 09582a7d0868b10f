// SPDX-License-Identifier: Apache-2.0
/// Runs a program to its end, with a text for its input and bounds on what it may use.
/// Why: tools that work on what others wrote must not use up this machine, nor hold up whoever waits for them.
/// Invariants: when run_child() returns, the program has ended. It gets no descriptors but its input and outputs, and the
/// environment that is given.
/// Threading: safe from every thread; the calling one waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace polycube {

struct ChildLimits {
  std::chrono::milliseconds time{10000};  ///< after which it is killed
  std::chrono::seconds processor_time{10};
  std::uint64_t memory = std::uint64_t{2} << 30;  ///< bytes of address space
  std::size_t output = std::size_t{16} << 20;     ///< bytes; who writes more is killed
  std::size_t errors = std::size_t{64} << 10;     ///< bytes that are kept; more is read and dropped
};

struct ChildResult {
  enum class Ending { exited, killed, took_too_long, wrote_too_much } ending = Ending::exited;
  int status = 0;      ///< of its exit, or the number of the signal that killed it
  std::string output;  ///< what it wrote to the standard output
  std::string errors;  ///< and to the standard error output
};

/// `command`: path of the program and its arguments. Errors: not_found (there is no such program), system.
[[nodiscard]] Result<ChildResult> run_child(const std::vector<std::string>& command,
                                            const std::vector<std::string>& environment, const std::string& input,
                                            const ChildLimits& limits);

}  // namespace polycube
