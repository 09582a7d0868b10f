// SPDX-License-Identifier: Apache-2.0
#include "base/near_matches.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace polycube {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

std::string near_matches(std::string_view word, const std::vector<std::string>& candidates) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const auto& candidate : candidates) {
    const bool begins = word.size() >= 2 && (candidate.starts_with(word) || word.starts_with(candidate));
    const auto distance = word.size() > 64 ? word.size() : edit_distance(word, candidate);
    if (begins || (distance <= 2 && distance < std::max<std::size_t>(candidate.size(), 2)))
      near.emplace_back(begins ? 0 : distance, candidate);
  }
  std::ranges::sort(near);
  near.erase(std::unique(near.begin(), near.end()), near.end());
  if (near.empty()) return {};
  near.resize(std::min<std::size_t>(near.size(), 5));
  std::vector<std::string> names;
  for (auto& [distance, name] : near) names.push_back(std::move(name));
  return fmt::format("; did you mean {}?", fmt::join(names, ", "));
}

}  // namespace polycube
