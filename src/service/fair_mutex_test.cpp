// SPDX-License-Identifier: Apache-2.0
#include "service/fair_mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

namespace polycube::service {
namespace {

TEST(FairMutex, ReadersAreBesideEachOther) {
  FairMutex mutex;
  std::latch both(2);
  const auto read = [&] {
    const std::shared_lock lock(mutex);
    both.arrive_and_wait();  // would never end if the second one had to wait for the first one
  };
  std::jthread first(read);
  std::jthread second(read);
}

TEST(FairMutex, WhoComesAfterAWaitingWriterWaitsForIt) {
  FairMutex mutex;
  std::atomic<bool> written = false;
  mutex.lock_shared();
  std::jthread writer([&] {
    const std::unique_lock lock(mutex);
    written = true;
  });
  // As soon as the writer waits nobody else gets in. Only a lock without the gate reaches the limit.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool kept_out = false;
  while (!kept_out && std::chrono::steady_clock::now() < limit) {
    kept_out = !mutex.try_lock_shared();
    if (!kept_out) mutex.unlock_shared();
    std::this_thread::yield();
  }
  EXPECT_TRUE(kept_out);
  EXPECT_FALSE(written);
  std::atomic<bool> after_the_writer = false;
  std::jthread reader([&] {
    const std::shared_lock lock(mutex);
    after_the_writer = written.load();
  });
  mutex.unlock_shared();
  reader.join();
  EXPECT_TRUE(after_the_writer);
}

}  // namespace
}  // namespace polycube::service
