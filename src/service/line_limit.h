// SPDX-License-Identifier: Apache-2.0
/// How many lines the control plane of one cube may write into the daemon's log.
/// Why: packets can make a control plane log, and a service in a process of its own can send lines as it likes.
/// Invariants: at most `burst` lines at once and `rate` a second in the long run, as for fast paths; what is missing is
/// counted, and said a second later or at the end.
/// Threading: from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/token_bucket.h"
#include "engine/log_reader.h"

namespace polycube::service {

class LineLimit {
 public:
  static constexpr std::uint64_t burst = engine::LogReader::burst;
  static constexpr std::uint64_t rate = engine::LogReader::rate;
  /// Calls a function a second later, on any thread.
  using Later = std::function<void(std::function<void()>)>;
  using Write = std::function<void(const std::string&)>;

  /// `write` is for the line about what is missing; it may be called as long as `later` has a function of this.
  LineLimit(Later later, Write write) : later_(std::move(later)), state_(std::make_shared<State>(std::move(write))) {}
  LineLimit(const LineLimit&) = delete;
  LineLimit& operator=(const LineLimit&) = delete;
  ~LineLimit() { state_->say_missing(); }

  /// Whether a line may be written now; counts it as missing otherwise.
  [[nodiscard]] bool take(TokenBucket::Clock::time_point now);

 private:
  struct State {
    explicit State(Write said_by) : write(std::move(said_by)) {}
    void say_missing();

    std::mutex mutex;
    Write write;
    TokenBucket tokens{burst, rate};
    std::uint64_t missing = 0;  ///< since it was said last
  };
  Later later_;
  std::shared_ptr<State> state_;  ///< also of the function that is to be called
};

}  // namespace polycube::service
