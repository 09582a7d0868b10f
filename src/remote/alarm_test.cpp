// SPDX-License-Identifier: Apache-2.0
#include "remote/alarm.h"

#include <gtest/gtest.h>

#include <future>

namespace polycube::remote {
namespace {

using namespace std::chrono_literals;

TEST(Alarm, WhatIsDueFirstRunsFirst) {
  Alarm alarm;
  std::string order;
  std::promise<void> done;
  std::promise<void> go;
  // Holds the thread until all are scheduled and due.
  (void)alarm.schedule(0ms, [&]() -> std::optional<Alarm::Clock::duration> {
    go.get_future().wait();
    return std::nullopt;
  });
  for (const auto& [delay, name] : {std::pair(3ms, 'c'), std::pair(1ms, 'a'), std::pair(2ms, 'b')}) {
    (void)alarm.schedule(delay, [&, name]() -> std::optional<Alarm::Clock::duration> {
      order += name;
      if (order.size() == 3) done.set_value();
      return std::nullopt;
    });
  }
  go.set_value();
  done.get_future().wait();
  EXPECT_EQ(order, "abc");
}

TEST(Alarm, RepeatsUntilItIsCancelledAlsoByItself) {
  Alarm alarm;
  std::promise<void> done;
  std::promise<std::uint64_t> id;
  int times = 0;
  const std::uint64_t scheduled =
      alarm.schedule(0ms, [&, own = id.get_future().share()]() -> std::optional<Alarm::Clock::duration> {
        if (++times == 3) {
          alarm.cancel(own.get());
          (void)alarm.schedule(5ms, [&]() -> std::optional<Alarm::Clock::duration> {
            done.set_value();
            return std::nullopt;
          });
        }
        return 0ms;
      });
  id.set_value(scheduled);
  done.get_future().wait();
  EXPECT_EQ(times, 3);
}

TEST(Alarm, WhatAFunctionOwnsMayCancelOthers) {
  Alarm alarm;
  std::promise<void> done;
  (void)alarm.schedule(0ms, [&, other = std::shared_ptr<void>(nullptr, [&](void*) {
                                  alarm.cancel(0);
                                  done.set_value();
                                })]() -> std::optional<Alarm::Clock::duration> { return std::nullopt; });
  EXPECT_EQ(done.get_future().wait_for(10s), std::future_status::ready);
}

TEST(Alarm, EndsWithWhatIsPending) {
  Alarm alarm;
  (void)alarm.schedule(std::chrono::hours(1), []() -> std::optional<Alarm::Clock::duration> { return std::nullopt; });
}

}  // namespace
}  // namespace polycube::remote
