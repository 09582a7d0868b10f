// SPDX-License-Identifier: Apache-2.0
#include <polycube/control.h>

namespace {

using namespace polycube;

class Reflector : public control::Cube {
 public:
  explicit Reflector(control::Host& host) : host_(host) {}

  void packet_in(const control::PacketIn& in) override {
    if (auto sent = host_.send_packet_out(in.port_index == 0 ? 1 : 0, in.packet); !sent)
      host_.log(control::LogLevel::err, sent.error().message);
  }

 private:
  control::Host& host_;
};

}  // namespace

POLYCUBE_SERVICE(Reflector);
