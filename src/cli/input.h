// SPDX-License-Identifier: Apache-2.0
/// A document in a file, or on standard input, whoever feeds it: a file, a pipe, a here-document, or nobody.
/// Why: standard input is often inherited, open and silent (ssh without a terminal, service managers): waiting for it
/// would hang scripts, and not waiting at all would miss a pipe whose writer is a moment late. Who writes tells them
/// apart: in `generator | polycubectl ...` it is a process beside us, else one above us. And standard input may be another's:
/// in `while read name; do polycubectl br1 ports add $name; done` it is the list that the loop reads, line by line.
/// Threading: one reader a descriptor.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"

namespace polycube::cli {

struct Patience {
  std::chrono::milliseconds first{200};        ///< for the first byte, when the command can do without
  std::chrono::milliseconds pipeline{2'000};   ///< the same, when a process of our own pipeline is the writer
  std::chrono::milliseconds required{10'000};  ///< for the first byte, when it cannot
  std::chrono::milliseconds more{30'000};      ///< between bytes
};

/// Reads to the end. Nothing for terminals, devices, closed descriptors, and for pipes and sockets that stay silent.
/// Nothing, too, for what is not required and belongs to the process that started us: a file of which something is read
/// already, a pipe or socket that is that process's standard input as well.
/// Errors: limit_exceeded, malformed_message (stalled in the middle), system.
[[nodiscard]] Result<std::optional<std::string>> read_input(int fd, bool required, const Patience& patience = {});

/// Reads a file to its end. Errors: malformed_message (cannot be read), limit_exceeded.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// Writes a file whole: until it is, one of that name stays as it was. Errors: system.
[[nodiscard]] Result<> write_file(const std::string& path, std::string_view content);

}  // namespace polycube::cli
