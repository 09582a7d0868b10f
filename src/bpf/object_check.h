// SPDX-License-Identifier: Apache-2.0
/// Whether an object that came from outside can be opened at all.
/// Why: libbpf ends the process with some damaged objects. So a child process, polycube-object-check, does first what this one
/// is about to do: it opens the object and loads it into a kernel that says yes to everything.
/// Invariants: the child has bounds on time, memory and output, and no privileges: it reads files that everybody may read, and
/// nothing else of the machine.
/// Threading: safe from every thread; takes some milliseconds, 5 s at most.
#pragma once

#include <filesystem>

#include "bpf/map.h"

namespace polycube::bpf {

/// `name` is for messages. Errors: invalid_value (damaged), limit_exceeded (needs too much time or memory), system (it cannot
/// be found out).
[[nodiscard]] Result<> check_object(const std::filesystem::path& name, const Bytes& image);

}  // namespace polycube::bpf
