// SPDX-License-Identifier: Apache-2.0
/// Suggestions for names that are misspelt.
/// Why: "does not exist" sends a person to look the name up; that it is a slip of the fingers is seen at once.
/// Threading: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace polycube {

/// How many letters must be added, left out or changed to make one of the other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// "; did you mean a, b?" or nothing: at most five candidates that begin like the word or are at most two edits away.
[[nodiscard]] std::string near_matches(std::string_view word, const std::vector<std::string>& candidates);

/// The same among the keys of a map.
template <typename Map>
[[nodiscard]] std::string near_keys(std::string_view word, const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.emplace_back(name);
  return near_matches(word, names);
}

}  // namespace polycube
