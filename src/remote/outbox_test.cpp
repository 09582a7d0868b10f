// SPDX-License-Identifier: Apache-2.0
#include "remote/outbox.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

namespace polycube::remote {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class OutboxTest : public testing::Test {
 protected:
  static pb::ToService link(const std::string& port) {
    pb::ToService message;
    message.mutable_link()->set_port(port);
    return message;
  }
  /// A packet of so many bytes.
  static pb::ToService packet(std::size_t size) {
    pb::ToService message;
    message.mutable_packet_in()->set_packet(std::string(size, 'x'));
    return message;
  }
  /// Answers each call by what `answer` makes of it, until the outbox is closed.
  template <typename Answer>
  std::jthread peer(const Answer& answer) {
    return std::jthread([this, answer] {
      outbox.drain([&](const pb::ToService& message) {
        if (message.id() != 0) answer(message);
        return true;
      });
    });
  }

  std::atomic<int> cancelled = 0;
  Outbox<pb::ToService> outbox{[this] { cancelled++; }};
};

TEST_F(OutboxTest, SendsInOrderAndWhatWasPostedBeforeItClosed) {
  for (const char* port : {"a", "b", "c"}) EXPECT_TRUE(outbox.post(link(port)));
  outbox.close("enough");
  EXPECT_FALSE(outbox.post(link("d")));
  std::vector<std::string> sent;
  outbox.drain([&](const pb::ToService& message) {
    sent.push_back(message.link().port());
    return true;
  });
  EXPECT_EQ(sent, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(cancelled, 0);
}

TEST_F(OutboxTest, PacketsAreOvertaken) {
  for (const std::size_t size : {1, 2}) EXPECT_TRUE(outbox.post(packet(size), Outbox<pb::ToService>::Loss::when_full));
  EXPECT_TRUE(outbox.post(link("a")));
  EXPECT_TRUE(outbox.post(packet(3), Outbox<pb::ToService>::Loss::when_full));
  EXPECT_TRUE(outbox.post(link("b")));
  outbox.close("enough");
  std::vector<std::string> sent;
  outbox.drain([&](const pb::ToService& message) {
    sent.push_back(message.has_link() ? message.link().port() : message.packet_in().packet());
    return true;
  });
  EXPECT_EQ(sent, (std::vector<std::string>{"a", "b", "x", "xx", "xxx"}));
}

TEST_F(OutboxTest, AnswersGoToTheirCalls) {
  std::vector<std::uint64_t> ids;
  const auto answering = peer([&](const pb::ToService& message) {
    ids.push_back(message.id());
    if (ids.size() < 2) return;
    for (const auto id : {ids[1], ids[0]}) {  // in another order
      pb::Reply reply;
      reply.set_count(static_cast<std::uint32_t>(id));
      EXPECT_TRUE(outbox.resolve(id, reply));
    }
  });
  std::vector<std::uint32_t> counts(2);
  {
    std::vector<std::jthread> callers;
    for (std::uint32_t& count : counts)
      callers.emplace_back([&] { count = outbox.call(link("p"), std::nullopt).value().count(); });
  }
  EXPECT_THAT(counts, testing::UnorderedElementsAre(1, 2));
  outbox.close("enough");
}

TEST_F(OutboxTest, AnErrorIsTheResultOfTheCall) {
  const auto answering = peer([&](const pb::ToService& message) {
    outbox.resolve(message.id(), reply_with({ErrorCode::in_use, "not now", "entry=a", {}}));
  });
  const auto reply = outbox.call(link("p"), std::nullopt);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::in_use);
  EXPECT_EQ(reply.error().message, "not now");
  EXPECT_EQ(reply.error().path, "entry=a");
  EXPECT_FALSE(outbox.closed());
  outbox.close("enough");
}

TEST_F(OutboxTest, ACallThatIsNotAnsweredEndsTheStream) {
  const auto reply = outbox.call(link("p"), 1ms);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("did not answer within"));
  EXPECT_TRUE(outbox.closed());
  EXPECT_EQ(cancelled, 1);
  EXPECT_FALSE(outbox.call(link("p"), std::nullopt)) << "at once";
  EXPECT_FALSE(outbox.resolve(1, {})) << "too late";
  outbox.abort("again");
  EXPECT_EQ(cancelled, 1);
}

TEST_F(OutboxTest, CallsEndWhenItIsClosed) {
  std::jthread closing([&] { outbox.close("the peer went away"); });
  const auto reply = outbox.call(link("p"), std::nullopt);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("the peer went away"));
}

TEST_F(OutboxTest, ThereIsAnAnswerToCallsOnly) { EXPECT_FALSE(outbox.resolve(7, {})); }

TEST_F(OutboxTest, PacketsAreLostBeforeAnythingElse) {
  using Loss = Outbox<pb::ToService>::Loss;
  int taken = 0;
  int with_room = 0;
  while (outbox.post(packet(100'000), Loss::when_full)) {
    taken++;
    if (outbox.has_room()) with_room++;
  }
  EXPECT_GT(with_room, 10);
  EXPECT_GT(taken, with_room + 64);  // a round of packets of any size
  EXPECT_LT(taken, 200);
  EXPECT_FALSE(outbox.closed());
  EXPECT_TRUE(outbox.post(link("p")));
  outbox.close("enough");
  outbox.drain([](const pb::ToService&) { return true; });
  EXPECT_TRUE(outbox.has_room());
}

TEST_F(OutboxTest, APeerThatTakesNothingIsGivenUp) {
  for (int i = 0; i < 3 && outbox.post(packet(max_message - 1000)); i++) {
  }
  EXPECT_TRUE(outbox.closed());
  EXPECT_EQ(cancelled, 1);
}

TEST_F(OutboxTest, AStreamThatBreaksClosesIt) {
  outbox.post(link("a"));
  outbox.post(link("b"));
  int written = 0;
  outbox.drain([&](const pb::ToService&) {
    written++;
    return false;
  });
  EXPECT_EQ(written, 1);
  EXPECT_TRUE(outbox.closed());
}

}  // namespace
}  // namespace polycube::remote
