// SPDX-License-Identifier: Apache-2.0
/// What takes back the effects of a transaction that fails half way.
/// Invariants: unless keep() was called, the destructor runs the recorded steps, last first, and then the final ones; one that
/// fails does not keep the others from being done.
/// Threading: not synchronised.
#pragma once

#include <exception>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace polycube::engine {

/// For what tidies up: nobody would come back for it.
template <typename Function>
[[nodiscard]] Result<> try_twice(Function function) {
  const Result<> done = function();
  return done ? done : function();
}

class Undo {
 public:
  using Step = std::function<Result<>()>;
  using Failed = std::function<void(const Error&)>;

  /// `failed` is told of each step that fails; they are logged in any case.
  explicit Undo(Failed failed = {}) : failed_(std::move(failed)) {}
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
      const auto done = run(*step);
      if (done) continue;
      log::error("a change that was refused cannot be taken back wholly: {}", done.error().message);
      if (failed_) failed_(done.error());
    }
  }
  template <typename Function>
  void add(Function step) {
    steps_.push_back(as_step(std::move(step)));
  }
  /// A step that wants everything else to be as it was: it runs when all others have.
  template <typename Function>
  void add_final(Function step) {
    steps_.insert(steps_.begin(), as_step(std::move(step)));
  }
  void keep() { steps_.clear(); }

 private:
  template <typename Function>
  static Step as_step(Function step) {
    if constexpr (std::is_void_v<std::invoke_result_t<Function&>>)
      return [step = std::move(step)]() mutable -> Result<> {
        step();
        return {};
      };
    else
      return step;
  }
  static Result<> run(const Step& step) try { return step(); } catch (const std::exception& failure) {
    return fail(ErrorCode::system, "{}", failure.what());
  }

  Failed failed_;
  std::vector<Step> steps_;
};

}  // namespace polycube::engine
