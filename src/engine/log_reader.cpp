// SPDX-License-Identifier: Apache-2.0
#include "engine/log_reader.h"

#include <algorithm>

namespace polycube::engine {

namespace {

constexpr std::chrono::seconds report_interval{1};

// "cube", or with the program that wrote the line when it is not the one that packets enter.
std::string origin(const std::string& cube, const LogLine& line) {
  std::string text = cube;
  if (line.egress) text += " egress";
  if (line.program != 0) text += fmt::format(" {}", line.program);
  return text;
}

// What CLOCK_MONOTONIC showed then, as time of the day.
std::chrono::system_clock::time_point time_of_day(std::chrono::nanoseconds monotonic) {
  using std::chrono::nanoseconds;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const nanoseconds age = std::max(std::chrono::duration_cast<nanoseconds>(now) - monotonic, nanoseconds{0});
  return std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(age);
}

}  // namespace

LogReader::LogReader(std::string cube, std::function<std::uint64_t()> lost, Write write)
    : cube_(std::move(cube)), lost_(std::move(lost)), write_(std::move(write)), known_lost_(lost_()) {}

LogReader::~LogReader() { say_missing(); }

void LogReader::read(std::span<const std::byte> record, Clock::time_point now) {
  if (!tokens_.take(now)) {
    suppressed_++;
    return;
  }
  const auto line = parse_log_record(record);
  if (!line) return;
  write_(static_cast<spdlog::level::level_enum>(line->level), fmt::format("[{}] {}", origin(cube_, *line), line->text),
         time_of_day(line->time));
}

bool LogReader::report(Clock::time_point now) {
  if (suppressed_ == 0 && lost_() == known_lost_) return false;
  if (now - reported_ < report_interval) return true;
  say_missing();
  reported_ = now;
  return false;
}

void LogReader::say_missing() {
  const std::uint64_t lost = lost_();
  const std::uint64_t full = lost - known_lost_;
  if (suppressed_ + full == 0) return;
  write_(spdlog::level::warn,
         fmt::format("[{}] the fast path logs too much, {} lines are missing: {} beyond {} a second, {} while its ring "
                     "was full",
                     cube_, suppressed_ + full, suppressed_, rate, full),
         std::chrono::system_clock::now());
  suppressed_ = 0;
  known_lost_ = lost;
}

}  // namespace polycube::engine
