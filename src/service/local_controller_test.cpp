// SPDX-License-Identifier: Apache-2.0
// The end of a controller while its devices change: the monitor's thread comes for the lock and for the devices until it
// has ended. Who takes the devices away from it without the lock is only seen by the thread sanitizer
// (POLYCUBE_SANITIZE=thread together with POLYCUBE_BPF).
#include "service/local_controller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/fd.h"

namespace polycube::service {
namespace {

TEST(LocalController, EndsWhileDevicesChange) {
  const Fd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(home);
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root";
  // A burst of changes is announced some milliseconds after its end, so once in a while right at the end.
  for (int i = 0; i < 40; i++) {
    auto controller = LocalController::create({.yang_dir = POLYCUBE_TEST_YANG_DIR,
                                               .programs_dir = POLYCUBE_TEST_PROGRAMS_DIR,
                                               .service_dirs = {},
                                               .remote_dir = {},
                                               .version = "test"});
    ASSERT_TRUE(controller) << controller.error().message;
    ASSERT_EQ(std::system(i % 2 == 0 ? "ip link set lo up" : "ip link set lo down"), 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(i));
  }
  ASSERT_EQ(::setns(home.get(), CLONE_NEWNET), 0);
}

}  // namespace
}  // namespace polycube::service
