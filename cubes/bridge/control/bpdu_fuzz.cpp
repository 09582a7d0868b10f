// SPDX-License-Identifier: Apache-2.0
// Arbitrary frames; the first two bytes are the VLAN that they came in. What is understood must survive being sent and
// received in both kinds of frames, and a bridge that hears it must not be harmed.
#include <cstdint>
#include <cstdlib>

#include "stp.h"

namespace {

using namespace bridge;

void check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto vlan = static_cast<std::uint16_t>((data[0] << 8 | data[1]) & 0x0fff);
  const auto bpdu = decode(std::as_bytes(std::span(data + 2, size - 2)), vlan);
  if (!bpdu) return 0;
  const MacAddress source{2, 0, 0, 0, 0, 1};
  check(decode(encode(*bpdu, source), vlan) == bpdu);
  check(decode(encode_pvst(*bpdu, source, vlan, true), vlan) == bpdu);
  SpanningTree tree(0x8000020000000001, Timers{}, [](auto, const auto&) {});
  for (const SpanningTree::PortNumber number : {1, 2}) {
    tree.set_port(number, 4, 128);
    tree.enable_port(number);
  }
  tree.receive(1, *bpdu);
  for (int i = 0; i < 600; i++) tree.advance(std::chrono::seconds(1));
  check(tree.is_root());  // nobody is heard of any more
  check(tree.state(1) == PortState::forwarding);
  return 0;
}
