// SPDX-License-Identifier: Apache-2.0
#include "interrupt.h"

#include <atomic>
#include <csignal>

namespace polycube::bench {

namespace {

std::atomic<int> caught{0};
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

extern "C" void on_signal(int number) { caught.store(number); }

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_signal;  // without SA_RESTART: a long system call ends with EINTR
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int interrupt_signal() { return caught.load(); }

Result<> check_interrupt() {
  if (interrupt_signal() == 0) return {};
  return fail(ErrorCode::system, "interrupted");
}

}  // namespace polycube::bench
