// SPDX-License-Identifier: Apache-2.0
// Work that was scheduled on the slow path's thread. Packets are in tests/kernel/slow_path_prog_test.cpp.
#include "engine/slow_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <polycube/abi.h>

#include <cstring>
#include <future>

namespace polycube::engine {
namespace {

/// What a fast path puts into its ring, with room for more than the packet.
std::vector<std::byte> record_of(const pcn_packet_in& head, std::size_t room) {
  std::vector<std::byte> record(sizeof(head) + room, std::byte{0x5a});
  std::memcpy(record.data(), &head, sizeof(head));
  return record;
}

TEST(PacketIn, IsTheHeadAndAsMuchOfThePacketAsItSays) {
  pcn_packet_in head{};
  head.length = 60;
  head.packet_length = 70000;
  head.port = PCN_MAX_PORTS - 1;
  head.direction = PCN_EGRESS;
  head.reason = 0xffff;
  head.metadata[2] = 0xffffffff;
  const auto record = record_of(head, 256);
  const auto packet = parse_packet_in(record);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->packet.size(), 60u);
  EXPECT_EQ(packet->packet.data(), record.data() + sizeof(head));
  EXPECT_EQ(packet->packet_length, 70000u);
  EXPECT_EQ(packet->port, PCN_MAX_PORTS - 1);
  EXPECT_EQ(packet->direction, topology::Direction::egress);
  EXPECT_EQ(packet->reason, 0xffff);
  EXPECT_EQ(packet->metadata[2], 0xffffffff);
}

TEST(PacketIn, IsNoneOfARecordThatIsNone) {
  pcn_packet_in head{};
  head.length = 256;
  const auto record = record_of(head, 256);
  EXPECT_TRUE(parse_packet_in(record));
  for (std::size_t size = 0; size < record.size(); size++)
    EXPECT_FALSE(parse_packet_in(std::span(record).first(size))) << "truncated to " << size;
  head.length = 0xffffffff;
  EXPECT_FALSE(parse_packet_in(record_of(head, 256)));
  head.length = 60;
  for (const int port : {PCN_MAX_PORTS, 0xffff}) {
    head.port = static_cast<std::uint16_t>(port);
    EXPECT_FALSE(parse_packet_in(record_of(head, 256))) << port;
  }
}

using std::chrono::milliseconds;
using Delay = std::optional<SlowPath::Clock::duration>;

class Works : public testing::Test {
 protected:
  Works() : slow_path(std::move(*SlowPath::start())) {}

  /// Waits until what is due has been done.
  void wait(milliseconds delay = milliseconds(0)) {
    const auto done = std::make_shared<std::promise<void>>();
    (void)slow_path->schedule(delay, [done]() -> Delay {
      done->set_value();
      return std::nullopt;
    });
    done->get_future().wait();
  }

  std::vector<int> order;  ///< written by the slow path's thread
  std::unique_ptr<SlowPath> slow_path;
};

TEST_F(Works, AreDoneInTheOrderOfTheirTimes) {
  for (const int delay : {30, 10, 20})
    (void)slow_path->schedule(milliseconds(delay), [this, delay]() -> Delay {
      order.push_back(delay);
      return std::nullopt;
    });
  wait(milliseconds(40));
  EXPECT_THAT(order, testing::ElementsAre(10, 20, 30));
}

TEST_F(Works, AreDoneAgainUntilTheySayNothing) {
  std::promise<void> done;
  (void)slow_path->schedule(milliseconds(1), [&, left = 3]() mutable -> Delay {
    order.push_back(left);
    if (--left > 0) return milliseconds(1);
    done.set_value();
    return std::nullopt;
  });
  done.get_future().wait();
  wait();
  EXPECT_THAT(order, testing::ElementsAre(3, 2, 1));
}

TEST_F(Works, ThatAreCancelledAreNotDone) {
  const auto id = slow_path->schedule(milliseconds(5), [this]() -> Delay {
    order.push_back(1);
    return std::nullopt;
  });
  slow_path->cancel(id);
  slow_path->cancel(id);
  wait(milliseconds(10));
  EXPECT_THAT(order, testing::IsEmpty());
}

TEST_F(Works, CancelThemselvesAndEachOther) {
  std::promise<std::pair<SlowPath::WorkId, SlowPath::WorkId>> ids;
  const auto both = ids.get_future().share();
  // Both are due in one round; whichever comes first ends the other one and itself.
  const auto work = [this, both]() -> Delay {
    order.push_back(1);
    slow_path->cancel(both.get().first);
    slow_path->cancel(both.get().second);
    return milliseconds(0);
  };
  const auto blocker = std::make_shared<std::promise<void>>();
  (void)slow_path->schedule(milliseconds(0), [wait = blocker->get_future().share()]() -> Delay {
    wait.wait();
    return std::nullopt;
  });
  const auto first = slow_path->schedule(milliseconds(0), work);
  const auto second = slow_path->schedule(milliseconds(0), work);
  ids.set_value({first, second});
  blocker->set_value();
  wait(milliseconds(5));
  EXPECT_THAT(order, testing::ElementsAre(1));
}

// More than one round holds, all of it always due: none starves.
TEST_F(Works, ThatAreAlwaysDueLeaveOthersTheirTurn) {
  std::vector<SlowPath::WorkId> busy;
  for (std::size_t i = 0; i < 2 * SlowPath::budget; i++)
    busy.push_back(slow_path->schedule(milliseconds(0), []() -> Delay { return milliseconds(0); }));
  wait();
  wait(milliseconds(1));
  for (const auto id : busy) slow_path->cancel(id);
}

TEST_F(Works, ThatArePendingDoNotKeepTheEndWaiting) {
  (void)slow_path->schedule(std::chrono::hours(1), []() -> Delay { return std::nullopt; });
  slow_path.reset();
}

}  // namespace
}  // namespace polycube::engine
