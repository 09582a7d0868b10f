// SPDX-License-Identifier: Apache-2.0
/// What the kernel's verifier says of a program that it refuses, for its author.
/// Why: the log is a wall of registers, of which one line of source and one reason matter.
/// Threading: pure functions.
/// Source: kernel/bpf/verifier.c and log.c: comments "; SOURCE @ FILE:LINE" in front of instructions, the reason after the
/// last instruction.
#pragma once

#include <string>
#include <string_view>

namespace polycube::bpf {

struct VerifierFinding {
  std::string location;  ///< "file.bpf.c:17"; empty when the object has no line information
  std::string source;    ///< that line, without indentation
  /// The last line of the author's own before that, when `location` is in a header: "file.bpf.c:12: SOURCE".
  std::string reached_from;
  std::string reason;  ///< in the verifier's words
  std::string advice;  ///< what to do; empty for reasons that are not known here
};

/// Reads a log of level 1 or more; everything empty when it has no reason.
[[nodiscard]] VerifierFinding find_reason(std::string_view log);

/// One line for users: location, source, reason, advice; empty when the log says nothing.
[[nodiscard]] std::string explain(std::string_view log);

}  // namespace polycube::bpf
