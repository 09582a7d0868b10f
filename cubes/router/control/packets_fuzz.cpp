// SPDX-License-Identifier: Apache-2.0
// What the slow path makes of any frame: nothing is read behind its end, and what is made is well-formed.
#include <cstdlib>

#include "control/packets.h"

using namespace polycube::router;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of its own, so that each byte behind the end is one too many.
  const Bytes copy(reinterpret_cast<const std::byte*>(data), reinterpret_cast<const std::byte*>(data) + size);
  const Frame frame(copy);
  (void)parse_neighbour_message(frame);
  (void)missing_service(frame);
  const Endpoint ports[] = {{{2, 0, 0, 0, 0, 1}, Address::ipv4({10, 0, 0, 254})}, {{2, 0, 0, 0, 0, 1}, {{0xfd, 1}}}};
  for (const Endpoint& port : ports) {
    for (const Problem problem : {Problem::expired, Problem::too_big, Problem::protocol_unreachable}) {
      const auto error = icmp_error(problem, frame, port, 1280);
      if (!error) continue;
      require(error->size() <= 14 + 1280 && addresses_of(*error)->source == port.address);
      require(!icmp_error(problem, *error, port, 1280));
    }
  }
  for (const std::uint16_t mtu : {68, 576, 1500})
    for (const Bytes& piece : fragments(frame, mtu)) require(piece.size() <= 14u + mtu && addresses_of(piece));
  return 0;
}
