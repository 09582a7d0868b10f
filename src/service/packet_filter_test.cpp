// SPDX-License-Identifier: Apache-2.0
#include "service/packet_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::service {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(PacketFilter, TakesAddressesPortsAndProtocols) {
  for (const char* expression : {"",
                                 "  ",
                                 "host 10.0.0.1",
                                 "dst net 10.1 or src net 10.0.0.0/8",
                                 "net 10.0.0.0 mask 255.0.0.0",
                                 "ip6 host fd00::1 and not ip6 host 2001:db8::1",
                                 "net fe80::/10",
                                 "ether host 02:00:00:00:00:aB",
                                 "ether src 02-00-00-00-00-01",
                                 "ether dst 0200.0000.0001",
                                 "udp port 53",
                                 "port domain or ssh",
                                 "portrange 20-25",
                                 "tcp port http or https and host 10.0.0.1",
                                 "ip proto \\udp",
                                 "ether proto 0x88cc",
                                 "ether proto \\arp",
                                 "ip proto 47 or 50",
                                 "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
                                 "icmp[icmptype] = icmp-echo",
                                 "icmp6[icmp6type] == icmp6-echo",
                                 "ether[0] & 1 = 0 and ip[2:2] - 20 > 10",
                                 "vlan 5 && udp || !arp",
                                 "len <= 100 and greater 20",
                                 "mpls",
                                 "pppoes and ip",
                                 "ether multicast",
                                 "sctp"}) {
    const auto filter = compile_filter(expression);
    EXPECT_TRUE(filter) << expression << ": " << (filter ? "" : filter.error().message);
  }
}

TEST(PacketFilter, NoNameIsLookedUp) {
  for (const char* name : {"example.org", "nowhere", "1.example.org", "localhost", "a-b-c", "x_y", "10-20"})
    for (const char* before :
         {"host ", "src ", "", "dst net ", "gateway ", "port 53 or host ", "ip proto 17 and src "}) {
      const auto filter = compile_filter(std::string(before) + name);
      ASSERT_FALSE(filter) << before << name;
      EXPECT_THAT(filter.error().message, AllOf(HasSubstr(name), HasSubstr("names of hosts are not looked up")))
          << before;
    }
}

TEST(PacketFilter, WhatIsWrongIsNamed) {
  for (const char* expression :
       {"host", "port", "udp and", "(udp", "host 10.0.0.300", "port 70000", "ip[0", "vlan 5000"}) {
    const auto filter = compile_filter(expression);
    ASSERT_FALSE(filter) << expression;
    EXPECT_THAT(filter.error().message, HasSubstr("is not a filter")) << expression;
  }
}

}  // namespace
}  // namespace polycube::service
