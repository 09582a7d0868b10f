// SPDX-License-Identifier: Apache-2.0
#include "statistics.h"

#include <algorithm>
#include <cmath>

#include "interrupt.h"

namespace polycube::bench {

double Samples::percentile(double percent) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t count = sorted.size();
  if (percent == 50 && count % 2 == 0) return (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(count)));
  return sorted[std::clamp<std::size_t>(rank, 1, count) - 1];
}

Samples pairwise(const Samples& a, const Samples& b, const std::function<double(double, double)>& combine) {
  Samples result;
  for (std::size_t i = 0; i < std::min(a.values().size(), b.values().size()); i++)
    result.add(combine(a.values()[i], b.values()[i]));
  return result;
}

Result<std::vector<Samples>> interleave(const std::vector<Measurement>& variants, unsigned rounds) {
  std::vector<Samples> samples(variants.size());
  for (unsigned round = 0; round <= rounds; round++) {
    for (std::size_t i = 0; i < variants.size(); i++) {
      const std::size_t variant = round % 2 == 0 ? i : variants.size() - 1 - i;
      PCN_TRY(check_interrupt());
      PCN_ASSIGN(const double value, variants[variant]());
      if (round > 0) samples[variant].add(value);
    }
  }
  return samples;
}

}  // namespace polycube::bench
