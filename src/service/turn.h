// SPDX-License-Identifier: Apache-2.0
/// What keeps a cube's control plane in order, in whichever process it runs: one function at a time, exceptions as errors,
/// and timers.
/// Invariants: a thread that serves several cubes waits for none: a timer whose cube is busy comes later.
/// Threading: by the Turn's lock.
#pragma once

#include <polycube/control.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace polycube::service {

/// Serialises the functions of a cube. Timers that come too late find it when the cube is gone.
struct Turn {
  std::recursive_mutex mutex;  ///< recursive: a function of the cube may destroy timers
  enum class Stage { waiting, running, over } stage = Stage::waiting;
};

/// While it lives, what this thread asks of a host is part of a commit(). In a process of its own a control plane says so with
/// each call (control.proto), and the daemon carries that out in such a scope.
/// Why: timers and other threads change programs meanwhile, which a commit() that fails must not take back.
class CommitScope {
 public:
  CommitScope() : before_(std::exchange(active_, true)) {}
  CommitScope(const CommitScope&) = delete;
  CommitScope& operator=(const CommitScope&) = delete;
  ~CommitScope() { active_ = before_; }
  [[nodiscard]] static bool active() { return active_; }

 private:
  static inline thread_local bool active_ = false;
  bool before_;
};

/// Runs a function of a cube that has a result; what it throws becomes an error.
template <typename Function>
auto in_turn(Turn& turn, const std::string& cube, const char* what, const Function& function) -> decltype(function()) {
  const std::lock_guard lock(turn.mutex);
  try {
    return function();
  } catch (const tl::bad_expected_access<Error>& thrown) {
    return tl::unexpected<Error>(thrown.error());
  } catch (const std::exception& thrown) {
    return fail(ErrorCode::system, "the control plane of cube {} failed ({}): {}", cube, what, thrown.what());
  } catch (...) {
    return fail(ErrorCode::system, "the control plane of cube {} failed ({})", cube, what);
  }
}

/// Runs one that has none; what it throws is logged.
template <typename Function>
void notify_in_turn(Turn& turn, control::Host& host, const char* what, const Function& function) {
  const auto done = in_turn(turn, host.name(), what, [&]() -> Result<> {
    function();
    return {};
  });
  if (!done) host.log(control::LogLevel::err, done.error().message);
}

/// A timer of a cube on a Clock: something with schedule(delay, work) -> id, where work says after which delay it wants to
/// be called again, and cancel(id).
template <typename Clock>
class TurnTimer : public control::Handle {
 public:
  using milliseconds = std::chrono::milliseconds;

  /// Without `repeat` it fires once. `host` and `clock` outlive the cube.
  [[nodiscard]] static control::Timer start(Clock& clock, control::Host& host, const std::shared_ptr<Turn>& turn,
                                            milliseconds delay, std::optional<milliseconds> repeat,
                                            std::function<void()> function) {
    static constexpr milliseconds until_it_runs{10};
    static constexpr milliseconds until_its_turn{1};
    auto state = std::make_shared<State>(State{false, std::move(function)});
    std::unique_ptr<TurnTimer> timer(new TurnTimer(clock, turn, state));
    using Delay = std::optional<std::chrono::steady_clock::duration>;
    timer->id_ = clock.schedule(delay, [&host, turn, state, repeat]() -> Delay {
      const std::unique_lock lock(turn->mutex, std::try_to_lock);
      if (!lock) return until_its_turn;
      if (state->over || turn->stage == Turn::Stage::over) return std::nullopt;
      if (turn->stage == Turn::Stage::waiting) return until_it_runs;
      try {
        state->function();
      } catch (const std::exception& thrown) {
        host.log(control::LogLevel::err, fmt::format("a timer failed: {}", thrown.what()));
      } catch (...) {
        host.log(control::LogLevel::err, "a timer failed");
      }
      return repeat && !state->over ? Delay(*repeat) : std::nullopt;
    });
    return timer;
  }

  TurnTimer(const TurnTimer&) = delete;
  TurnTimer& operator=(const TurnTimer&) = delete;
  ~TurnTimer() override {
    {
      const std::lock_guard lock(turn_->mutex);
      state_->over = true;
    }
    clock_.cancel(id_);
  }

 private:
  struct State {
    bool over = false;  ///< guarded by the turn
    std::function<void()> function;
  };
  TurnTimer(Clock& clock, std::shared_ptr<Turn> turn, std::shared_ptr<State> state)
      : clock_(clock), turn_(std::move(turn)), state_(std::move(state)) {}

  Clock& clock_;
  std::shared_ptr<Turn> turn_;
  std::shared_ptr<State> state_;
  std::uint64_t id_ = 0;
};

}  // namespace polycube::service
