// SPDX-License-Identifier: Apache-2.0
// Says from which port each packet came that was sent to the slow path.
#include <polycube/control.h>

namespace {

using namespace polycube;

class Helloworld : public control::Cube {
 public:
  explicit Helloworld(control::Host& host) : host_(host) {}

  void packet_in(const control::PacketIn& in) override {
    host_.log(control::LogLevel::info, fmt::format("packet arrived to the slowpath from port {}", in.port));
  }

 private:
  control::Host& host_;
};

}  // namespace

POLYCUBE_SERVICE(Helloworld);
