// SPDX-License-Identifier: Apache-2.0
#include "remote/alarm.h"

namespace polycube::remote {

std::uint64_t Alarm::schedule(Clock::duration delay, Work work) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = ++last_;
  works_.emplace(id, std::make_shared<Work>(std::move(work)));
  due_.emplace(Clock::now() + delay, id);
  changed_.notify_all();
  return id;
}

void Alarm::cancel(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  works_.erase(id);
  std::erase_if(due_, [&](const auto& entry) { return entry.second == id; });
}

void Alarm::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (due_.empty()) {
      changed_.wait(lock, stop, [&] { return !due_.empty(); });
      continue;
    }
    const auto [when, id] = *due_.begin();
    if (when > Clock::now()) {
      changed_.wait_until(lock, stop, when, [&] { return due_.empty() || due_.begin()->first < when; });
      continue;
    }
    due_.erase(due_.begin());
    std::shared_ptr<Work> work = works_.at(id);
    lock.unlock();
    const auto again = (*work)();
    work.reset();  // without the lock: what it owns may cancel others
    lock.lock();
    if (!works_.contains(id)) continue;  // it was cancelled meanwhile
    if (again) {
      due_.emplace(Clock::now() + *again, id);
    } else {
      auto over = works_.extract(id);
      lock.unlock();
      over = {};
      lock.lock();
    }
  }
}

}  // namespace polycube::remote
