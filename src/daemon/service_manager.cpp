// SPDX-License-Identifier: Apache-2.0
#include "daemon/service_manager.h"

#include <systemd/sd-daemon.h>

#include <exception>
#include <utility>

#include "base/log.h"

namespace polycube::daemon {

namespace {

// What cannot be sent is the service manager's to notice.
void notify(const std::string& state) { (void)sd_notify(0, state.c_str()); }

double seconds(std::chrono::steady_clock::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void notify_status(const std::string& status) { notify("STATUS=" + status); }
void notify_ready(const std::string& status) { notify("READY=1\nSTATUS=" + status); }
void notify_stopping(const std::string& status) { notify("STOPPING=1\nSTATUS=" + status); }

Watchdog::Watchdog(std::vector<Check> checks) : checks_(std::move(checks)) {
  std::uint64_t limit = 0;
  if (sd_watchdog_enabled(0, &limit) <= 0) return;
  limit_ = std::chrono::microseconds(limit);
  runner_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  observer_ = std::jthread([this](const std::stop_token& stop) { observe(stop); });
}

void Watchdog::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    bool well = true;
    for (const Check& check : checks_) well = carry_out(check) && well;
    if (well) notify("WATCHDOG=1");
    std::unique_lock lock(mutex_);
    pause(lock, stop, limit_ / 4);
  }
}

bool Watchdog::carry_out(const Check& check) {
  {
    const std::lock_guard lock(mutex_);
    current_ = &check;
    since_ = Clock::now();
    late_ = false;
  }
  bool answered = true;
  try {
    check.wait();
  } catch (const std::exception& failure) {
    log::error("watchdog: {} cannot be asked: {}", check.what, failure.what());
    answered = false;
  }
  const std::lock_guard lock(mutex_);
  current_ = nullptr;
  if (late_ && answered) log::warn("watchdog: {} answers after {:.1f} s", check.what, seconds(Clock::now() - since_));
  return answered;
}

void Watchdog::observe(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    pause(lock, stop, limit_ / 8);
    const auto waiting = Clock::now() - since_;
    if (current_ == nullptr || late_ || waiting < limit_ / 2) continue;
    late_ = true;
    log::error("watchdog: {} has not answered for {:.1f} s; after {:.1f} s the service manager ends the daemon",
               current_->what, seconds(waiting), seconds(limit_));
  }
}

void Watchdog::pause(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, Clock::duration time) {
  never_.wait_for(lock, stop, time, [] { return false; });
}

}  // namespace polycube::daemon
