// SPDX-License-Identifier: Apache-2.0
#include "engine/devices.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace polycube::engine {
namespace {

using testing::ElementsAre;
using topology::Devices;

/// Far more than anything here takes: only a broken monitor waits so long.
constexpr std::chrono::seconds patience{20};

/// Runs `ip` with these words; in the network namespace of the calling thread.
void ip(const std::string& words) {
  std::vector<std::string> texts{"ip"};
  std::istringstream stream(words);
  for (std::string word; stream >> word;) texts.push_back(word);
  std::vector<char*> arguments;
  for (auto& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  ASSERT_EQ(posix_spawnp(&child, "ip", nullptr, nullptr, arguments.data(), environ), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0) << "ip " << words;
}

/// Counts callbacks, can hold one of them, and waits for what becomes true with a callback.
class Changes {
 public:
  std::function<void()> callback() {
    return [this] {
      std::unique_lock lock(mutex_);
      ++count_;
      changed_.notify_all();
      changed_.wait(lock, [this] { return !held_; });
    };
  }
  void hold(bool held) {
    std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }
  int count() {
    std::lock_guard lock(mutex_);
    return count_;
  }
  bool wait_for(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, condition);
  }
  bool wait_for_count(int count) {
    return wait_for([this, count] { return count_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
  bool held_ = false;
};

/// Each test has a network namespace of its own: the calling thread lives in it until the end of the test.
class DeviceMonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    home_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(home_);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "needs root: " << std::strerror(errno);
  }
  void TearDown() override {
    monitor_.reset();
    ASSERT_EQ(::setns(home_.get(), CLONE_NEWNET), 0);
  }

  void start(int receive_buffer = 1 << 20) {
    auto started = DeviceMonitor::start(changes_.callback(), receive_buffer);
    ASSERT_TRUE(started) << started.error().message;
    monitor_ = std::move(*started);
  }
  Devices current() const { return monitor_->current(); }
  bool wait_for(const std::function<bool(const Devices&)>& condition) {
    return changes_.wait_for([&] { return condition(current()); });
  }

  Fd home_;
  Changes changes_;
  std::unique_ptr<DeviceMonitor> monitor_;
};

TEST_F(DeviceMonitorTest, ReadsWhatIsThere) {
  ip("link set lo up");
  ip("link add left address 02:00:00:00:0a:01 mtu 1400 type veth peer name right");
  ip("link set left up");
  ip("address add 10.0.0.1/24 dev left");
  ip("address add 10.0.0.2/32 dev left");
  ip("address add 2001:db8::1/64 dev left nodad");
  start();
  Devices devices = current();
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_TRUE(devices["lo"].loopback);
  EXPECT_TRUE(devices["lo"].up);
  EXPECT_THAT(devices["lo"].addresses, ElementsAre("127.0.0.1/8", "::1/128"));
  const auto& left = devices["left"];
  EXPECT_EQ(left.mac, "02:00:00:00:0a:01");
  EXPECT_EQ(left.mtu, 1400u);
  EXPECT_FALSE(left.loopback);
  EXPECT_GT(left.index, 1);
  EXPECT_THAT(left.addresses, ElementsAre("10.0.0.1/24", "10.0.0.2/32", "2001:db8::1/64"));
  EXPECT_FALSE(devices["right"].up);
  // The other end is down; the kernel finds out about carriers a moment later.
  EXPECT_TRUE(wait_for([](const Devices& now) { return now.at("left").up && !now.at("left").running; }));
}

TEST_F(DeviceMonitorTest, SeesDevicesComeAndGo) {
  start();
  EXPECT_EQ(current().size(), 1u);
  ip("link add left type veth peer name right");
  EXPECT_TRUE(wait_for([](const Devices& devices) { return devices.contains("left") && devices.contains("right"); }));
  ip("link delete left");
  EXPECT_TRUE(wait_for([](const Devices& devices) { return devices.size() == 1; }));
}

TEST_F(DeviceMonitorTest, SeesUpRunningAndDown) {
  ip("link add left type veth peer name right");
  start();
  ip("link set left up");
  EXPECT_TRUE(wait_for([](const Devices& devices) { return devices.at("left").up && !devices.at("left").running; }));
  ip("link set right up");
  EXPECT_TRUE(
      wait_for([](const Devices& devices) { return devices.at("left").running && devices.at("right").running; }));
  ip("link set right down");
  EXPECT_TRUE(wait_for([](const Devices& devices) { return devices.at("left").up && !devices.at("left").running; }));
}

TEST_F(DeviceMonitorTest, SeesRenamesAddressesAndAttributes) {
  ip("link add left type veth peer name right");
  start();
  int index = current().at("left").index;
  ip("link set left name renamed");
  EXPECT_TRUE(wait_for([&](const Devices& devices) {
    return !devices.contains("left") && devices.contains("renamed") && devices.at("renamed").index == index;
  }));
  ip("link set renamed mtu 1300 address 02:00:00:00:00:77");
  EXPECT_TRUE(wait_for([](const Devices& devices) {
    return devices.at("renamed").mtu == 1300 && devices.at("renamed").mac == "02:00:00:00:00:77";
  }));
  ip("address add 10.9.0.1/16 dev renamed");
  EXPECT_TRUE(wait_for([](const Devices& devices) {
    return devices.at("renamed").addresses == std::vector<std::string>{"10.9.0.1/16"};
  }));
  ip("address delete 10.9.0.1/16 dev renamed");
  EXPECT_TRUE(wait_for([](const Devices& devices) { return devices.at("renamed").addresses.empty(); }));
}

TEST_F(DeviceMonitorTest, NamesMayBeExchanged) {
  ip("link add left type veth peer name right");
  start();
  int left = current().at("left").index;
  int right = current().at("right").index;
  ip("link set left name spare");
  ip("link set right name left");
  ip("link set spare name right");
  ASSERT_TRUE(monitor_->refresh());
  EXPECT_EQ(current().at("left").index, right);
  EXPECT_EQ(current().at("right").index, left);
  EXPECT_EQ(current().size(), 3u);
}

TEST_F(DeviceMonitorTest, LeavingABridgeIsNotVanishing) {
  ip("link add bridge0 type bridge");
  ip("link add left type veth peer name right");
  ip("link set left master bridge0");
  ip("address add 10.0.0.1/8 dev left");
  start();
  ip("link set left nomaster");
  ip("link set right mtu 1300");
  EXPECT_TRUE(wait_for([](const Devices& devices) { return devices.at("right").mtu == 1300; }));
  EXPECT_THAT(current()["left"].addresses, ElementsAre("10.0.0.1/8"));
}

TEST_F(DeviceMonitorTest, RefreshSeesAtOnce) {
  start();
  changes_.hold(true);  // the thread may be held in a callback: refresh() does not depend on it
  for (int round = 0; round < 20; ++round) {
    ip("link add left type veth peer name right");
    ASSERT_TRUE(monitor_->refresh());
    ASSERT_TRUE(current().contains("left"));
    ip("link delete left");
    ASSERT_TRUE(monitor_->refresh());
    ASSERT_FALSE(current().contains("left"));
  }
  changes_.hold(false);
}

TEST_F(DeviceMonitorTest, WhatRefreshReadIsAnnouncedToo) {
  start();
  ip("link add left type veth peer name right");
  ASSERT_TRUE(monitor_->refresh());
  EXPECT_TRUE(changes_.wait_for_count(1));
}

TEST_F(DeviceMonitorTest, BurstIsOneCallback) {
  start();
  changes_.hold(true);
  ip("link add first type veth peer name first-peer");
  ASSERT_TRUE(changes_.wait_for_count(1));
  int before = changes_.count();
  for (int i = 0; i < 15; ++i) ip(fmt::format("link add burst{} type veth peer name peer{}", i, i));
  changes_.hold(false);
  ASSERT_TRUE(wait_for([](const Devices& devices) { return devices.size() == 33; }));
  ASSERT_TRUE(changes_.wait_for_count(before + 1));
  monitor_.reset();
  EXPECT_EQ(changes_.count(), before + 1);
}

TEST_F(DeviceMonitorTest, NothingIsAnnouncedWithoutAChange) {
  ip("link add left type veth peer name right");
  ip("link set lo up");  // the kernel tells of an alias of devices that are up only
  start();
  // Notifications, but of nothing that is looked at; too many to be one burst.
  for (int i = 0; i < 20; ++i) ip(fmt::format("link set lo alias something{}", i));
  ip("link set right mtu 1300");
  ASSERT_TRUE(changes_.wait_for_count(1));
  monitor_.reset();
  EXPECT_EQ(changes_.count(), 1);
}

TEST_F(DeviceMonitorTest, LostNotificationsAreMadeGood) {
  ip("link add gone type veth peer name gone-peer");
  ip("link add renamed type veth peer name peer");
  start(1);  // the smallest buffer there is: two notifications or so
  changes_.hold(true);
  ip("link set peer mtu 1300");
  ASSERT_TRUE(changes_.wait_for_count(1));
  for (int i = 0; i < 15; ++i) ip(fmt::format("link add lost{} type veth peer name other{}", i, i));
  ip("link delete gone");
  ip("link set renamed name late");
  ip("address add 10.0.0.1/8 dev late");
  changes_.hold(false);
  EXPECT_TRUE(wait_for([](const Devices& devices) {
    return devices.size() == 33 && devices.contains("lost14") && !devices.contains("gone") &&
           devices.contains("late") && devices.at("late").addresses == std::vector<std::string>{"10.0.0.1/8"};
  }));
}

TEST_F(DeviceMonitorTest, RefreshMakesLostNotificationsGood) {
  start(1);
  changes_.hold(true);
  for (int i = 0; i < 15; ++i) ip(fmt::format("link add lost{} type veth peer name other{}", i, i));
  ip("link delete lost3");
  ASSERT_TRUE(monitor_->refresh());
  EXPECT_EQ(current().size(), 29u);
  changes_.hold(false);
}

TEST_F(DeviceMonitorTest, StaysInTheNamespaceItWasStartedIn) {
  start();
  Fd inside(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  ip("link add elsewhere type veth peer name elsewhere-peer");
  ASSERT_TRUE(monitor_->refresh());
  EXPECT_EQ(current().size(), 1u);
  ASSERT_EQ(::setns(inside.get(), CLONE_NEWNET), 0);
  ip("link add here type veth peer name here-peer");
  EXPECT_TRUE(wait_for([](const Devices& devices) { return devices.contains("here"); }));
  EXPECT_FALSE(current().contains("elsewhere"));
}

TEST_F(DeviceMonitorTest, ReadersAndRefreshersRunBesideTheThread) {
  start();
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!done) {
        EXPECT_TRUE(monitor_->refresh());
        EXPECT_TRUE(current().contains("lo"));
      }
    });
  for (int i = 0; i < 10; ++i) {
    ip("link add left type veth peer name right");
    ip("link delete left");
  }
  done = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(current().size(), 1u);
}

TEST_F(DeviceMonitorTest, EndsAtOnceAndLeaksNothing) {
  auto open_files = [] {
    auto all = std::filesystem::directory_iterator("/proc/self/fd");
    return std::distance(std::filesystem::begin(all), std::filesystem::end(all));
  };
  start();
  monitor_.reset();
  auto before = open_files();
  for (int i = 0; i < 200; ++i) {
    start();
    monitor_.reset();
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace polycube::engine
