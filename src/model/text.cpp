// SPDX-License-Identifier: Apache-2.0
#include "model/text.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "base/near_matches.h"
#include "model/path.h"

namespace polycube::model {

namespace {

bool is_yang_character(std::uint32_t c) {
  if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
  if (c >= 0xd800 && c <= 0xdfff) return false;
  if (c >= 0xfdd0 && c <= 0xfdef) return false;
  return c <= 0x10ffff && (c & 0xfffe) != 0xfffe;
}

/// Length of a UTF-8 sequence by its first byte, 0 for a byte that begins none.
unsigned sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if ((first & 0xf0) == 0xe0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

}  // namespace

bool is_yang_text(std::string_view text) {
  static constexpr std::uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const unsigned length = sequence_length(first);
    if (length == 0 || i + length > text.size()) return false;
    std::uint32_t character = length == 1 ? first : first & (0x7f >> length);
    for (unsigned k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      character = character << 6 | (next & 0x3f);
    }
    if (character < smallest[length] || !is_yang_character(character)) return false;
    i += length;
  }
  return true;
}

std::string shorten(std::string_view text) {
  constexpr std::size_t limit = 80;
  if (text.size() <= limit) return std::string(text);
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += names[i];
  }
  return text;
}

std::string singular(std::string_view list) {
  if (list.size() > 2 && list.back() == 's' && list[list.size() - 2] != 's') list.remove_suffix(1);
  return std::string(list);
}

std::string suggest(const std::string& name, const std::vector<std::string>& names) {
  constexpr std::size_t most = 12;
  if (names.empty() || name.size() > 64) return {};
  std::vector<std::string> likely;
  std::size_t best = std::clamp<std::size_t>(name.size() / 3, 1, 3);
  for (const auto& candidate : names) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best) likely.clear();
    if (distance <= best) {
      likely.push_back(candidate);
      best = distance;
    }
  }
  if (!likely.empty()) return "; did you mean " + alternatives(likely) + '?';
  if (names.size() > most) return {};
  return "; it may be " + alternatives(names);
}

std::pair<std::string_view, std::string_view> split_name(std::string_view name) {
  const auto colon = name.find(':');
  if (colon == std::string_view::npos) return {{}, name};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

}  // namespace polycube::model
