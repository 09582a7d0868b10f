// SPDX-License-Identifier: Apache-2.0
/// Calls functions at their time, on a thread of its own: the timers of cubes in the process of a service.
/// Invariants: what is due first runs first; a function that is always due lets others run in between.
/// Threading: from any thread; functions run on the one thread of this class, without its lock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace polycube::remote {

class Alarm {
 public:
  using Clock = std::chrono::steady_clock;
  /// Says after which delay it wants to be called again.
  using Work = std::function<std::optional<Clock::duration>()>;

  Alarm() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

  [[nodiscard]] std::uint64_t schedule(Clock::duration delay, Work work);
  /// It is not begun any more; one that runs is not waited for.
  void cancel(std::uint64_t id);

 private:
  void run(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::uint64_t, std::shared_ptr<Work>> works_;
  std::set<std::pair<Clock::time_point, std::uint64_t>> due_;
  std::uint64_t last_ = 0;
  std::jthread thread_;  // first to go
};

}  // namespace polycube::remote
