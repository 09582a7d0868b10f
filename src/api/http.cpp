// SPDX-License-Identifier: Apache-2.0
#include "api/http.h"

#include <algorithm>

namespace polycube::api {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::string> find_header(const Headers& headers, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& [key, text] : headers) {
    if (!equal_ignoring_case(key, name)) continue;
    if (value) {
      *value += ", " + text;
    } else {
      value = text;
    }
  }
  return value;
}

std::vector<std::string_view> split_list(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '"') quoted = !quoted;
    if (i < text.size() && text[i] == '\\' && quoted) {
      ++i;
      continue;
    }
    if (i < text.size() && (text[i] != separator || quoted)) continue;
    const auto part = trim(text.substr(begin, std::min(i, text.size()) - begin));
    if (!part.empty()) parts.push_back(part);
    begin = i + 1;
  }
  return parts;
}

std::string loggable(std::string_view text) {
  constexpr std::size_t longest = 512;
  std::string result;
  for (const char c : text.substr(0, longest)) result += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > longest ? result + "..." : result;
}

}  // namespace polycube::api
