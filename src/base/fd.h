// SPDX-License-Identifier: Apache-2.0
/// Owner of a file descriptor.
/// Invariants: holds -1 or a descriptor that nobody else closes.
/// Threading: as an int.
#pragma once

#include <utility>

#include "base/result.h"

namespace polycube {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  /// A second descriptor of the same open file, close-on-exec.
  [[nodiscard]] static Result<Fd> duplicate(int fd);

 private:
  int fd_ = -1;
};

}  // namespace polycube
