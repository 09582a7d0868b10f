// SPDX-License-Identifier: Apache-2.0
/// SIGINT and SIGTERM as errors, so that whatever a benchmark made is unmade by its owners on the way out.
/// Threading: catch_interrupts() once, before other threads; the rest from any thread.
#pragma once

#include "base/result.h"

namespace polycube::bench {

void catch_interrupts();
/// The signal that arrived, or 0.
[[nodiscard]] int interrupt_signal();
/// An error after a signal. Loops of a benchmark ask at least every second.
[[nodiscard]] Result<> check_interrupt();

}  // namespace polycube::bench
