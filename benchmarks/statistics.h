// SPDX-License-Identifier: Apache-2.0
/// Samples of one measured quantity, and measuring several of them side by side.
/// Why: on a shared machine identical runs differ by a factor of two; what happens at the same time to both sides of a
/// comparison cancels out in the ratio of neighbouring runs, and the median of these ratios ignores the disturbed ones.
/// Threading: plain values.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace polycube::bench {

class Samples {
 public:
  Samples() = default;
  explicit Samples(std::vector<double> values) : values_(std::move(values)) {}

  void add(double value) { values_.push_back(value); }
  [[nodiscard]] const std::vector<double>& values() const { return values_; }
  [[nodiscard]] double median() const { return percentile(50); }
  [[nodiscard]] double minimum() const { return percentile(0); }
  [[nodiscard]] double maximum() const { return percentile(100); }
  /// Nearest rank, with the mean of the two middle values for an even median; 0 without samples.
  [[nodiscard]] double percentile(double percent) const;

 private:
  std::vector<double> values_;
};

/// One value a round, of the values that both had in that round.
[[nodiscard]] Samples pairwise(const Samples& a, const Samples& b,
                               const std::function<double(double, double)>& combine);
[[nodiscard]] inline Samples ratios(const Samples& a, const Samples& b) {
  return pairwise(a, b, [](double x, double y) { return x / y; });
}

/// Fewer rounds than this are not worth a table.
inline constexpr unsigned min_rounds = 9;

/// Measures all variants once a round, A B C, C B A, A B C, ...; what a first, undisclosed round measures is thrown away.
/// Returns the samples by variant. Errors: of the first measurement that fails; interrupted (see interrupt.h).
using Measurement = std::function<Result<double>()>;
[[nodiscard]] Result<std::vector<Samples>> interleave(const std::vector<Measurement>& variants, unsigned rounds);

}  // namespace polycube::bench
