// SPDX-License-Identifier: Apache-2.0
/// Percent-encoding of URLs.
/// Threading: pure functions.
/// Source: RFC 3986, 2.1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace polycube {

/// Nothing when a '%' is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);

}  // namespace polycube
