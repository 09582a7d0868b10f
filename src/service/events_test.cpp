// SPDX-License-Identifier: Apache-2.0
#include "service/events.h"

#include <gtest/gtest.h>
#include <poll.h>

namespace polycube::service {
namespace {

using State = Events::Subscription::State;

bool readable(const Events::Subscription& subscription) {
  pollfd entry{subscription.fd(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

TEST(EventsTest, InOrderAndOnlyFromNowOn) {
  Events events;
  events.publish({"before", {}});
  const auto subscription = *events.subscribe();
  EXPECT_FALSE(readable(*subscription));
  EXPECT_EQ(subscription->take(), nullptr);
  events.publish({"first", {{"leaf", "value"}}});
  events.publish({"second", {}});
  EXPECT_TRUE(readable(*subscription));
  EXPECT_EQ(subscription->take()->leaves.at(0).second, "value");
  EXPECT_EQ(subscription->take()->name, "second");
  EXPECT_EQ(subscription->take(), nullptr);
  EXPECT_FALSE(readable(*subscription));
  EXPECT_EQ(subscription->state(), State::open);
}

TEST(EventsTest, WhoIsTooSlowIsCutOffAndHoldsUpNobody) {
  Events events;
  const auto slow = *events.subscribe();
  const auto quick = *events.subscribe();
  for (std::size_t i = 0; i <= Events::max_waiting; i++) {
    events.publish({"event", {}});
    EXPECT_NE(quick->take(), nullptr);
  }
  EXPECT_EQ(slow->state(), State::overrun);
  EXPECT_EQ(slow->take(), nullptr);
  EXPECT_TRUE(readable(*slow)) << "its owner must notice";
  EXPECT_EQ(quick->state(), State::open);
}

TEST(EventsTest, SubscribersAreFewAndMakeRoomWhenTheyGo) {
  Events events;
  EXPECT_FALSE(events.watched());
  std::vector<std::shared_ptr<Events::Subscription>> all;
  for (std::size_t i = 0; i < Events::max_subscribers; i++) all.push_back(*events.subscribe());
  const auto refused = events.subscribe();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit_exceeded);
  all.pop_back();
  EXPECT_TRUE(events.subscribe());
  all.clear();
  EXPECT_FALSE(events.watched());
}

TEST(EventsTest, NoUserKeepsOutTheOthersAndAllOfThemNotRoot) {
  Events events;
  std::vector<std::shared_ptr<Events::Subscription>> all;
  const auto follow = [&](const std::string& user, bool root = false) {
    auto made = events.subscribe({}, {user, root});
    if (made) all.push_back(*made);
    return made.has_value();
  };
  for (std::size_t i = 0; i < Events::max_of_one_user; i++) EXPECT_TRUE(follow("ann"));
  EXPECT_FALSE(follow("ann"));
  EXPECT_TRUE(follow("ann", true)) << "root by another name";
  for (int user = 0; all.size() < Events::max_subscribers - 1; user++) EXPECT_TRUE(follow(std::to_string(user)));
  EXPECT_FALSE(follow("bob"));
  EXPECT_TRUE(follow("root", true));
  EXPECT_FALSE(follow("root", true));
}

TEST(EventsTest, CloseEndsAllWhenWhatIsLeftWasTaken) {
  Events events;
  const auto subscription = *events.subscribe();
  events.publish({"last", {}});
  events.close();
  EXPECT_TRUE(readable(*subscription));
  EXPECT_EQ(subscription->take()->name, "last");
  EXPECT_EQ(subscription->take(), nullptr);
  EXPECT_EQ(subscription->state(), State::closed);
  EXPECT_TRUE(readable(*subscription));
  EXPECT_FALSE(events.subscribe());
}

TEST(EventsTest, Time) {
  const std::chrono::system_clock::time_point time{std::chrono::milliseconds(1795320000042)};
  EXPECT_EQ(date_and_time(time), "2026-11-22T04:00:00.042Z");
}

}  // namespace
}  // namespace polycube::service
