// SPDX-License-Identifier: Apache-2.0
// Says that a packet came to the slow path, and sends it on.
#include <polycube/control.h>

namespace {

using namespace polycube;

class TransparentHelloworld : public control::Cube {
 public:
  explicit TransparentHelloworld(control::Host& host) : host_(host) {}

  void packet_in(const control::PacketIn& in) override {
    host_.log(control::LogLevel::info, fmt::format("packet in event from {} program", in.port));
    if (auto sent = host_.send_packet_out(in.port_index, in.packet, control::Direction::egress, in.traffic_class);
        !sent)
      host_.log(control::LogLevel::warn, sent.error().message);
  }

 private:
  control::Host& host_;
};

}  // namespace

POLYCUBE_SERVICE(TransparentHelloworld);
