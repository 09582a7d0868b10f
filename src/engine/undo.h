// SPDX-License-Identifier: Apache-2.0
/// What takes back the effects of a transaction that fails half way.
/// Invariants: unless keep() was called, the destructor runs the recorded steps, last first, and then the final ones.
/// Threading: not synchronised.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace polycube::engine {

class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) (*step)();
  }
  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  /// A step that wants everything else to be as it was: it runs when all others have.
  void add_final(std::function<void()> step) { steps_.insert(steps_.begin(), std::move(step)); }
  void keep() { steps_.clear(); }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace polycube::engine
