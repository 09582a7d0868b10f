// SPDX-License-Identifier: Apache-2.0
#include "service/packet_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "engine/log_reader.h"

namespace polycube::service {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// Remembers the lines and the last timer.
class LogHost : public control::Host {
 public:
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] std::vector<control::Port> ports() const override { return {}; }
  [[nodiscard]] Result<control::Port> port(std::string_view) const override { return control::Port{}; }
  [[nodiscard]] Result<> send_packet_out(std::uint16_t, std::span<const std::byte>, control::Direction,
                                         std::uint32_t) override {
    return {};
  }
  [[nodiscard]] Result<std::unique_ptr<control::RawTable>> open_table(std::string_view,
                                                                      const control::Program&) override {
    return fail(ErrorCode::data_missing, "no tables");
  }
  [[nodiscard]] Result<control::Hook> hook() const override { return control::Hook::tc; }
  [[nodiscard]] Result<std::uint16_t> add_program(const control::Code&, control::Direction,
                                                  std::optional<std::uint16_t>) override {
    return 1;
  }
  [[nodiscard]] Result<> reload_program(const control::Code&, const control::Program&) override { return {}; }
  [[nodiscard]] Result<> remove_program(const control::Program&) override { return {}; }
  [[nodiscard]] control::Timer every(std::chrono::milliseconds, std::function<void()>) override { return {}; }
  [[nodiscard]] control::Timer after(std::chrono::milliseconds, std::function<void()> function) override {
    timers++;
    timer = std::move(function);
    return std::make_unique<control::Handle>();
  }
  void log(control::LogLevel, std::string_view text) override { lines.emplace_back(text); }

  std::vector<std::string> lines;
  std::function<void()> timer;
  int timers = 0;

 private:
  std::string name_ = "cube";
};

// Within a second or two, in which some hundreds of lines become free again.
constexpr std::uint64_t flood = 5 * engine::LogReader::burst;

class PacketLogTest : public testing::Test {
 protected:
  void send(std::uint64_t count) {
    control::PacketIn in;
    in.port = "p1";
    for (std::uint64_t i = 0; i < count; i++) cube_->packet_in(in);
  }
  // The line about those that are missing, of which this takes care that all packets are accounted for.
  void expect_counted() {
    ASSERT_FALSE(host_.lines.empty());
    const std::uint64_t missing = std::stoull(host_.lines.back());
    EXPECT_THAT(host_.lines.back(), HasSubstr("lines about packets in the slowpath are missing"));
    EXPECT_EQ(host_.lines.size() - 1 + missing, flood);
    EXPECT_GE(host_.lines.size() - 1, engine::LogReader::burst);
  }

  LogHost host_;
  std::unique_ptr<control::Cube> cube_ = packet_log().create(host_).value();
};

TEST_F(PacketLogTest, ALineForEachPacket) {
  send(2);
  EXPECT_EQ(host_.lines, std::vector<std::string>(2, "packet arrived to the slowpath from port p1"));
  EXPECT_EQ(host_.timers, 0);
  cube_.reset();
  EXPECT_EQ(host_.lines.size(), 2u);
}

TEST_F(PacketLogTest, AFloodIsCutOffAndCounted) {
  send(flood);
  ASSERT_EQ(host_.timers, 1);
  host_.timer();
  expect_counted();
  host_.lines.clear();
  host_.timer();
  EXPECT_THAT(host_.lines, IsEmpty()) << "it is said once";
  send(flood);
  EXPECT_EQ(host_.timers, 2);
}

TEST_F(PacketLogTest, WhatIsMissingAtTheEndIsSaid) {
  send(flood);
  cube_.reset();
  expect_counted();
}

}  // namespace
}  // namespace polycube::service
