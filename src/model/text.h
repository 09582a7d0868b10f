// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: text helpers.
/// Threading: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace polycube::model {

/// Whether the text is UTF-8 made of the characters that a YANG string may hold (RFC 7950, section 14: no control
/// characters but tab, line feed and carriage return; no surrogates; no non-characters).
[[nodiscard]] bool is_yang_text(std::string_view text);

/// The text, cut at a character boundary and marked with "..." when it is long: for messages.
[[nodiscard]] std::string shorten(std::string_view text);

[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

/// "a", "a or b", "a, b or c".
[[nodiscard]] std::string alternatives(const std::vector<std::string>& names);

/// "ports" -> "port": what one entry of a list is called.
[[nodiscard]] std::string singular(std::string_view list);

/// "prefix:name" as (prefix, name); the prefix is empty when there is none.
[[nodiscard]] std::pair<std::string_view, std::string_view> split_name(std::string_view name);

}  // namespace polycube::model
