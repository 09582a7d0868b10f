// SPDX-License-Identifier: Apache-2.0
#include "service/packet_log.h"

#include <fmt/format.h>

namespace polycube::service {

namespace {

class PacketLog : public control::Cube {
 public:
  explicit PacketLog(control::Host& host) : host_(host) {}

  void packet_in(const control::PacketIn& in) override {
    host_.log(control::LogLevel::info, fmt::format("packet arrived to the slowpath from port {}", in.port));
  }

 private:
  control::Host& host_;
};

}  // namespace

const control::Service& packet_log() {
  static constexpr control::Service service{
      control::interface_version,
      [](control::Host& host) -> Result<std::unique_ptr<control::Cube>> { return std::make_unique<PacketLog>(host); }};
  return service;
}

}  // namespace polycube::service
