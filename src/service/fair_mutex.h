// SPDX-License-Identifier: Apache-2.0
/// A readers-writer lock in which readers cannot starve a writer.
/// Why: the lock of the standard library lets readers in while a writer waits, for ever if they come fast enough.
/// Invariants: everybody passes the gate, in which a writer stays until it has the lock; so those who come after a
/// writer wait for it. Not recursive: a reader that asks again while a writer waits, waits for ever.
/// Threading: a SharedMutex of the standard, for std::shared_lock and std::unique_lock.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace polycube::service {

class FairMutex {
 public:
  void lock() {
    const std::lock_guard pass(gate_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }

  void lock_shared() {
    const std::lock_guard pass(gate_);
    mutex_.lock_shared();
  }
  bool try_lock_shared() {
    const std::unique_lock pass(gate_, std::try_to_lock);
    return pass.owns_lock() && mutex_.try_lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex gate_;
  std::shared_mutex mutex_;
};

}  // namespace polycube::service
