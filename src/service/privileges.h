// SPDX-License-Identifier: Apache-2.0
/// What a process that began as root may still do.
/// Why: a flaw in what reads requests, models, packets or objects is worth only what the process is allowed. Which
/// capabilities the daemon needs, and for what, was found by taking each away (docs/security.md).
/// Threading: a thread's capabilities are its own and those of the threads that it begins: to be called before there are
/// others.
/// Source: capabilities(7), PR_SET_NO_NEW_PRIVS of prctl(2).
#pragma once

#include <vector>

#include "base/result.h"

namespace polycube::service {

/// Keeps these capabilities (CAP_ of linux/capability.h) and gives up all others, for good: they leave the bounding set as
/// well, and no program that is executed gets back more. Those that the process did not have are said in the log.
/// Errors: system.
[[nodiscard]] Result<> keep_capabilities(const std::vector<unsigned>& wanted);

}  // namespace polycube::service
