// SPDX-License-Identifier: Apache-2.0
// vlan.h: what the programs see of tags, and what is on the wire after they changed them.
#include <arpa/inet.h>

#include "parser_test_kit.h"

namespace polycube::harness {
namespace {

class VlanTest : public ParserTest {
 protected:
  /// Sent to d0 and received from d1.
  Bytes carry(const Bytes& frame) {
    in_.send(frame);
    return out_.receive();
  }
  static Order push(std::uint16_t protocol, std::uint32_t tci) {
    return {.operation = PARSER_PUSH_TAG, .value = tci, .protocol = htons(protocol)};
  }

  const Packet plain_ = Ipv4{} / Udp{} / Payload("hello");
  FrameSocket in_{make_socket("d0")};
  FrameSocket out_{make_socket("d1")};

 private:
  FrameSocket make_socket(const std::string& device) {
    if (device == "d0") ParserTest::SetUp();
    return FrameSocket(DataPath::far_end(device));
  }
  void SetUp() override {}
};

Bytes frame(std::vector<Vlan> tags) {
  Packet packet{Ethernet{}};
  for (const Vlan& tag : tags) packet.emplace_back(tag);
  for (const Layer& layer : Ipv4{} / Udp{} / Payload("hello")) packet.push_back(layer);
  return build(packet);
}

const Vlan customer{.id = 100, .priority = 3, .drop_eligible = true}, service_tag{.id = 7, .tpid = 0x88a8};

TEST_P(VlanTest, TagsAreSeenWhereverTheyAre) {
  struct {
    Bytes packet;
    int id;
    int protocol;
  } const cases[] = {
      {frame({}), -2, -2},
      {frame({customer}), 100, htons(0x8100)},
      {frame({service_tag, customer}), 7, htons(0x88a8)},
      {frame({Vlan{.id = 0, .priority = 7}}), 0, htons(0x8100)},
      {frame({Vlan{.id = 4095}}), 4095, htons(0x8100)},
  };
  for (const auto& a : cases) {
    // In the packet, and received by a device: on TC beside it.
    for (const bool live : {false, true}) {
      if (live)
        EXPECT_TRUE(same_packet(a.packet, carry(a.packet)));
      else
        (void)run(a.packet);
      const parsed got = found();
      EXPECT_EQ(got.vlan_id, a.id);
      EXPECT_EQ(got.vlan_protocol, a.protocol);
      EXPECT_EQ(got.tagged, a.id >= 0);
      EXPECT_EQ(got.layers, 3u);
      EXPECT_EQ(got.destination_port, 53);
      EXPECT_EQ(got.tag_ids[0], a.id < 0 ? 0 : a.id);
    }
  }
}

TEST_P(VlanTest, TwoTagsReceived) {
  EXPECT_TRUE(same_packet(frame({service_tag, customer}), carry(frame({service_tag, customer}))));
  const parsed got = found();
  EXPECT_EQ(got.tags, 2);
  EXPECT_EQ(got.tag_ids[0], 7);
  EXPECT_EQ(got.tag_ids[1], 100);
  EXPECT_EQ(got.ethertype, 0x800);
}

TEST_P(VlanTest, Pop) {
  give({.operation = PARSER_POP_TAG});
  EXPECT_TRUE(same_packet(frame({}), carry(frame({customer}))));
  EXPECT_EQ(found().done, 0);
  EXPECT_EQ(found().tags, 0);
  EXPECT_TRUE(same_packet(frame({customer}), carry(frame({service_tag, customer}))));
  EXPECT_EQ(found().done, 0);
  EXPECT_EQ(found().tag_ids[0], 100);
  EXPECT_TRUE(same_packet(frame({}), run(frame({customer})).packet));
  EXPECT_EQ(found().layers, 3u);
}

TEST_P(VlanTest, PopWithoutATagFailsAndChangesNothing) {
  give({.operation = PARSER_POP_TAG});
  EXPECT_TRUE(same_packet(frame({}), carry(frame({}))));
  EXPECT_LT(found().done, 0);
  for (const Packet& packet : {Packet{Ethernet{}}, Packet{Ethernet{.type = 0x8100}}, Ethernet{} / Arp{}}) {
    const Seen seen = run(build(packet));
    EXPECT_LT(seen.found.done, 0);
    EXPECT_TRUE(same_packet(build(packet), seen.packet));
  }
}

TEST_P(VlanTest, Push) {
  give(push(0x8100, 3 << 13 | 1 << 12 | 100));
  EXPECT_TRUE(same_packet(frame({customer}), carry(frame({}))));
  EXPECT_EQ(found().done, 0);
  EXPECT_EQ(found().tags, 1);
  EXPECT_EQ(found().tag_ids[0], 100);
  EXPECT_EQ(found().destination_port, 53);
  give(push(0x88a8, 7));
  EXPECT_TRUE(same_packet(frame({service_tag, customer}), carry(frame({customer}))));
  EXPECT_EQ(found().tags, 2);
  EXPECT_EQ(found().tag_ids[0], 7);
  EXPECT_EQ(found().tag_ids[1], 100);
  EXPECT_TRUE(same_packet(frame({service_tag, service_tag, customer}), carry(frame({service_tag, customer}))));
}

TEST_P(VlanTest, PushOfWhatIsNoTagFails) {
  give(push(0x0800, 7));
  EXPECT_TRUE(same_packet(frame({}), carry(frame({}))));
  EXPECT_LT(found().done, 0);
}

INSTANTIATE_TEST_SUITE_P(Hooks, VlanTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
