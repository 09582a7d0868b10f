// SPDX-License-Identifier: Apache-2.0
#include "cli/trace_view.h"

#include <gtest/gtest.h>

namespace polycube::cli {
namespace {

TEST(TraceView, DrawsEveryKindOfHop) {
  const Json packet =
      Json::parse(R"({"number":"3","time":"2026-11-22T05:25:34.000001Z","summary":"a > b","length":42,"hop":[
    {"begin":"0","device":"veth1","direction":"ingress","verdict":"arrives"},
    {"begin":"600","duration":"400","cube":"fw1","service-name":"simpleforwarder","port":"p1","direction":"ingress",
     "verdict":"leaves","to":[{"port":"p2","peer":"r1:in"}]},
    {"begin":"1200","cube":"c1","service-name":"caller","port":"in","direction":"ingress","verdict":"jumps"},
    {"begin":"1300","duration":"50","cube":"c1","service-name":"caller","port":"in","slave":3,"direction":"ingress",
     "verdict":"slow-path","reason":"too-big","change":["ip.ttl 64 -> 63"]},
    {"begin":"9000","cube":"c1","service-name":"caller","port":"out","direction":"ingress","sent":true,"verdict":"copied",
     "to":[{"port":"p1","peer":"veth2"},{"port":"p2","peer":"b:x"}]},
    {"begin":"9100","cube":"t1","direction":"egress","verdict":"host"},
    {"begin":"9200","cube":"t1","direction":"egress","verdict":"dropped","reason":"policy"},
    {"begin":"9300","device":"veth2","direction":"egress","verdict":"leaves"},
    {"begin":"9400","direction":"ingress","verdict":"unknown"}]})");
  EXPECT_EQ(draw_path(packet),
            "3  2026-11-22T05:25:34.000001Z  a > b, 42 bytes\n"
            "      0.0 us  veth1\n"
            "      0.6 us  fw1 (simpleforwarder) on port p1: leaves by p2 to r1:in (0.4 us)\n"
            "      1.2 us  c1 (caller) on port in: goes on in another program\n"
            "      1.3 us  c1 (caller) slave 3 on port in: to the slow path: too-big (0.1 us)\n"
            "                  ip.ttl 64 -> 63\n"
            "      9.0 us  c1 (caller), sent by its slow path: copies leave by p1 to veth2, by p2 to b:x\n"
            "      9.1 us  t1 on the way out: to the host\n"
            "      9.2 us  t1 on the way out: DROPPED: policy\n"
            "      9.3 us  out of veth2\n"
            "      9.4 us  a cube that is gone: nothing more was told\n");
}

}  // namespace
}  // namespace polycube::cli
