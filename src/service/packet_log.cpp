// SPDX-License-Identifier: Apache-2.0
#include "service/packet_log.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "base/token_bucket.h"
#include "engine/log_reader.h"

namespace polycube::service {

namespace {

// As for the lines of fast paths.
constexpr std::uint64_t burst = engine::LogReader::burst;
constexpr std::uint64_t rate = engine::LogReader::rate;

class PacketLog : public control::Cube {
 public:
  explicit PacketLog(control::Host& host) : host_(host) {}
  PacketLog(const PacketLog&) = delete;
  PacketLog& operator=(const PacketLog&) = delete;
  ~PacketLog() override {
    report_.reset();
    say_missing();
  }

  void packet_in(const control::PacketIn& in) override {
    if (tokens_.take(TokenBucket::Clock::now())) {
      host_.log(control::LogLevel::info, fmt::format("packet arrived to the slowpath from port {}", in.port));
    } else if (missing_++ == 0) {
      report_ = host_.after(std::chrono::seconds(1), [this] { say_missing(); });
    }
  }

 private:
  // At the level of the lines: who does not want these does not miss them.
  void say_missing() {
    if (missing_ == 0) return;
    host_.log(control::LogLevel::info,
              fmt::format("{} lines about packets in the slowpath are missing: more than {} a second are not written",
                          std::exchange(missing_, 0), rate));
  }

  control::Host& host_;
  TokenBucket tokens_{burst, rate};
  std::uint64_t missing_ = 0;  ///< since it was said last
  control::Timer report_;
};

}  // namespace

const control::Service& packet_log() {
  static constexpr control::Service service{
      control::interface_version,
      [](control::Host& host) -> Result<std::unique_ptr<control::Cube>> { return std::make_unique<PacketLog>(host); }};
  return service;
}

}  // namespace polycube::service
