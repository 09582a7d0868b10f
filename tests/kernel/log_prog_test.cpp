// SPDX-License-Identifier: Apache-2.0
// Lines that fast paths log, from the program in the kernel to the daemon's log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/base_sink.h>

#include <condition_variable>
#include <mutex>

#include "base/log.h"
#include "engine/log_reader.h"
#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/probe/abi/probe.h"
#include "harness/probe/abi/programs.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr std::chrono::seconds long_enough{20};  // only a broken run waits for it

// The process's log, for the test's thread.
class Journal : public spdlog::sinks::base_sink<std::mutex> {
 public:
  struct Line {
    spdlog::level::level_enum level;
    std::string text;
    spdlog::log_clock::time_point time;
  };
  Line take() {
    std::unique_lock lock(mutex_);
    if (!written_.wait_for(lock, long_enough, [&] { return !lines_.empty(); }))
      throw std::runtime_error("nothing was logged");
    Line line = std::move(lines_.front());
    lines_.erase(lines_.begin());
    return line;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    lines_.push_back({message.level, std::string(message.payload.begin(), message.payload.end()), message.time});
    written_.notify_all();
  }
  void flush_() override {}

 private:
  std::condition_variable_any written_;
  std::vector<Line> lines_;
};

class LogTest : public testing::TestWithParam<Hook> {
 protected:
  LogTest() : previous_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>("test", journal_);
    logger->set_level(spdlog::level::off);  // of the daemon: cubes have levels of their own
    spdlog::set_default_logger(std::move(logger));
  }
  ~LogTest() override { spdlog::set_default_logger(previous_); }

  void add(const std::string& name, const Service& service, const std::string& level = "INFO") {
    path_.add_cube(name, service, GetParam(), {{"p", ""}, {"q", ""}});
    path_.wanted.cubes.at(name).log_level = level;
    must(path_.apply());
  }
  void set_level(const std::string& name, const std::string& level) {
    path_.wanted.cubes.at(name).log_level = level;
    must(path_.apply());
  }
  // The logger writes this line for each packet from here on.
  void choose(const std::string& name, probe_line line) {
    path_.write(name, "rules", {{"inport", "p"}, {"action", "drop"}, {"outport", std::to_string(line)}});
    must(path_.apply());
  }
  std::string line(probe_line line, const Bytes& packet) {
    choose("a", line);
    EXPECT_EQ(path_.send("a", "p", packet).verdict, Verdict::drop);
    return journal_->take().text;
  }
  std::uint32_t instructions(const std::string& cube) const {
    return must(path_.cube(cube).program().info()).instructions;
  }

  std::shared_ptr<Journal> journal_ = std::make_shared<Journal>();
  std::shared_ptr<spdlog::logger> previous_;
  const Bytes udp_ = build(Ethernet{.source = "02:00:00:00:00:0a", .destination = "02:00:00:00:00:0b"} /
                           Ipv4{.source = "10.1.2.3", .destination = "10.4.5.6"} /
                           Udp{.source_port = 1234, .destination_port = 53} / Payload("question"));
  DataPath path_;  // last: its end may log
};

TEST_P(LogTest, EveryConversion) {
  add("a", logger());
  EXPECT_EQ(line(PROBE_LINE_INTEGERS, udp_), "[a] -1 -3 4294967295 beef BEEF 10 ok");
  EXPECT_EQ(line(PROBE_LINE_SIZES, udp_), "[a] -5 18446744073709551615 123456789abc -5 5 -3 255 0xffff1234");
  EXPECT_EQ(line(PROBE_LINE_FLAGS, udp_), "[a] [   50|50   |00050|+7|0xff|008]");
  EXPECT_EQ(line(PROBE_LINE_WRONG, udp_), "[a] %s 2 %d");
  EXPECT_EQ(line(PROBE_LINE_LONGEST, udp_), "[a] " PROBE_LONGEST);
  EXPECT_EQ(line(PROBE_LINE_IPV4, udp_), "[a] 02:00:00:00:00:0a 02:00:00:00:00:0b 10.1.2.3:1234 10.4.5.6:53 800");
  const Bytes ipv6 = build(Ethernet{} / Ipv6{.source = "2001:db8::1", .destination = "fe80::2"} / Udp{});
  EXPECT_EQ(line(PROBE_LINE_IPV6, ipv6), "[a] 2001:db8::1 > fe80::2");
}

TEST_P(LogTest, LinesHaveLevelAndTime) {
  add("a", logger());
  choose("a", PROBE_LINE_LEVELS);
  const auto before = spdlog::log_clock::now();
  (void)path_.send("a", "p", udp_);
  const auto after = spdlog::log_clock::now();
  for (const auto& [level, text] :
       {std::pair(spdlog::level::info, "[a] info"), std::pair(spdlog::level::warn, "[a] warn"),
        std::pair(spdlog::level::err, "[a] err"), std::pair(spdlog::level::critical, "[a] critical")}) {
    const Journal::Line line = journal_->take();
    EXPECT_EQ(line.level, level);
    EXPECT_EQ(line.text, text);
    // Two clocks are compared that are set against each other.
    EXPECT_GE(line.time, before - std::chrono::seconds(1));
    EXPECT_LE(line.time, after + std::chrono::seconds(1));
  }
}

TEST_P(LogTest, PacketsOnTheirWayOutAreLogged) {
  for (const char* device : {"d1", "d2"}) path_.add_device(device);
  path_.add_cube("a", logger(), GetParam(), {{"p", "d1"}, {"q", "d2"}});
  path_.write("a", "rules", {{"inport", "p"}, {"action", "forward"}, {"outport", "1"}});
  must(path_.apply());
  const FrameSocket at_d1(DataPath::far_end("d1"));
  const FrameSocket at_d2(DataPath::far_end("d2"));
  at_d1.send(udp_);
  EXPECT_TRUE(same_packet(udp_, at_d2.receive()));
  EXPECT_EQ(journal_->take().text, "[a] on its way out of port 1");
  set_level("a", "WARN");
  at_d1.send(udp_);
  EXPECT_TRUE(same_packet(udp_, at_d2.receive()));
  set_level("a", "INFO");
  at_d1.send(udp_);
  (void)journal_->take();
  EXPECT_EQ(journal_->size(), 0u);
}

// With the name of their cube and which one they are; its level is theirs.
TEST_P(LogTest, SlavesLogAsTheirCubeDoes) {
  for (const char* device : {"d1", "d2"}) path_.add_device(device);
  path_.add_cube("a", caller(), GetParam(), {{"p", "d1"}, {"q", "d2"}});
  path_.wanted.cubes.at("a").log_level = "OFF";
  must(path_.apply());
  const auto programs = must(path_.engine().microcubes("a"));
  const engine::Code talker = must(caller().package->code("talker"));
  (void)must(programs.add(topology::Direction::ingress, talker, 3));
  (void)must(programs.add(topology::Direction::egress, talker, 5));
  path_.set_element("a", "calls", std::uint32_t{0}, call{3, 0});
  path_.set_element("a", "calls", std::uint32_t{1}, call{5, 0});
  const FrameSocket at_d1(DataPath::far_end("d1"));
  const FrameSocket at_d2(DataPath::far_end("d2"));
  const std::string length = fmt::format("[a 3] {} bytes", udp_.size());
  const auto expect = [&](const std::string& level, const std::vector<std::string>& texts) {
    set_level("a", level);
    at_d1.send(udp_);
    EXPECT_TRUE(same_packet(udp_, at_d2.receive())) << level;
    for (const std::string& text : texts) EXPECT_EQ(journal_->take().text, text) << level;
  };
  expect("OFF", {});
  expect("DEBUG", {"[a 3] it came by port 0", length, "[a egress 5] it leaves by port 1"});
  expect("WARN", {length});
  // A slave that comes later has the level as well.
  must(programs.replace({topology::Direction::ingress, 3}, talker));
  expect("WARN", {length});
  expect("INFO", {length, "[a egress 5] it leaves by port 1"});
  EXPECT_EQ(journal_->size(), 0u);
}

TEST_P(LogTest, TheLevelAppliesToTheNextPacket) {
  add("a", logger());
  choose("a", PROBE_LINE_LEVELS);
  const std::vector<std::string> levels = {"TRACE", "DEBUG", "INFO", "WARN", "ERR", "CRITICAL", "OFF"};
  const std::vector<std::string> texts = {"trace", "debug", "info", "warn", "err", "critical"};
  for (const std::size_t level : {5, 0, 6, 3, 1, 4, 2}) {
    set_level("a", levels[level]);
    (void)path_.send("a", "p", udp_);
    for (std::size_t i = level; i < texts.size(); i++) EXPECT_EQ(journal_->take().text, "[a] " + texts[i]);
  }
  EXPECT_EQ(journal_->size(), 0u);
}

// What is below the level is not there at all.
TEST_P(LogTest, ALineThatIsNotLoggedCostsNothing) {
  for (const char* device : {"d1", "d2"}) path_.add_device(device);
  path_.add_cube("talks", chatty(), GetParam(), {{"p", "d1"}, {"q", ""}});
  path_.add_cube("silent", silent(), GetParam(), {{"p", "d2"}, {"q", ""}});
  path_.wanted.cubes.at("talks").log_level = path_.wanted.cubes.at("silent").log_level = "OFF";
  must(path_.apply());
  const std::uint32_t without = instructions("silent");
  EXPECT_EQ(instructions("talks"), without);
  const auto entry = [&](const std::string& cube) {
    return must(path_.cube(cube).entry({topology::Direction::ingress, 0}).info()).instructions;
  };
  EXPECT_EQ(entry("talks"), entry("silent")) << "as packets from a device enter it";
  std::uint32_t last = without;
  for (const char* level : {"ERR", "INFO", "DEBUG", "TRACE"}) {
    set_level("talks", level);
    EXPECT_GT(instructions("talks"), last) << level;
    last = instructions("talks");
  }
  set_level("talks", "OFF");
  EXPECT_EQ(instructions("talks"), without);
}

// With arguments, and in branches.
TEST_P(LogTest, AProgramThatLogsNothingDoesNotKnowTheRing) {
  add("a", logger());
  EXPECT_NO_THROW((void)path_.map("a", "pcn_log_ring"));
  set_level("a", "OFF");
  EXPECT_THROW((void)path_.map("a", "pcn_log_ring"), std::runtime_error);
}

// a logs more than its ring holds and more than may be written: b's line comes, and a's are accounted for.
TEST_P(LogTest, AFloodIsItsCubesOwnLoss) {
  for (const char* device : {"d1", "d2"}) path_.add_device(device);
  path_.add_cube("a", logger(), GetParam(), {{"p", "d1"}});
  path_.add_cube("b", logger(), GetParam(), {{"p", "d2"}});
  choose("a", PROBE_LINE_SIZES);
  choose("b", PROBE_LINE_INTEGERS);
  const FrameSocket at_a(DataPath::far_end("d1"));
  const FrameSocket at_b(DataPath::far_end("d2"));
  constexpr std::uint64_t sent = 20'000;
  for (std::uint64_t i = 0; i < sent / 2; i++) at_a.send(udp_);
  at_b.send(udp_);
  for (std::uint64_t i = 0; i < sent / 2; i++) at_a.send(udp_);
  std::uint64_t written = 0;
  std::uint64_t missing = 0;
  std::uint64_t of_b = 0;
  while (written + missing < sent || of_b == 0) {
    const Journal::Line line = journal_->take();
    unsigned long long count = 0;
    unsigned long long beyond = 0;
    unsigned long long full = 0;
    if (std::sscanf(line.text.c_str(),
                    "[a] the fast path logs too much, %llu lines are missing: %llu beyond 100 a second, %llu while",
                    &count, &beyond, &full) == 3) {
      EXPECT_EQ(count, beyond + full);
      EXPECT_EQ(line.level, spdlog::level::warn);
      missing += count;
    } else {
      EXPECT_THAT(line.text, testing::AnyOf(testing::StartsWith("[a] -5 "), testing::StartsWith("[b] -1 ")));
      (line.text[1] == 'a' ? written : of_b)++;
    }
  }
  EXPECT_EQ(written + missing, sent);
  EXPECT_EQ(of_b, 1u);
  EXPECT_GE(written, engine::LogReader::burst / 2);
  EXPECT_GT(missing, sent / 2);
}

TEST_P(LogTest, WhatACubeSaidBeforeItsEndIsWritten) {
  add("a", logger());
  choose("a", PROBE_LINE_INTEGERS);
  (void)path_.send("a", "p", udp_);
  (void)journal_->take();
  (void)path_.send("a", "p", udp_);  // within the pause after the first line
  path_.wanted.cubes.erase("a");
  must(path_.apply());
  EXPECT_EQ(journal_->size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Hooks, LogTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv), hook_name);

}  // namespace
}  // namespace polycube::harness
