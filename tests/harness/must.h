// SPDX-License-Identifier: Apache-2.0
/// Unwraps a Result in a test: an error is thrown, which GoogleTest reports as a failure of the test with its text.
/// Why: what a test needs from the kernel must be there; a test without it fails, it is not skipped.
/// Threading: pure functions. @file
#pragma once

#include <stdexcept>

#include "base/result.h"

namespace polycube::harness {

[[noreturn]] inline void throw_error(const Error& error) {
  throw std::runtime_error(error.detail.empty() ? error.message : error.message + "\n" + error.detail);
}

template <typename T>
T must(Result<T> result) {
  if (!result) throw_error(result.error());
  return std::move(*result);
}
inline void must(const Result<>& result) {
  if (!result) throw_error(result.error());
}

}  // namespace polycube::harness
