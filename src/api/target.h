// SPDX-License-Identifier: Apache-2.0
/// The request-target of an HTTP request, split.
/// Why: list keys may hold any character in percent-encoded form ("10.0.0.0%2F24"), so the path stays encoded until the
/// model splits it into steps; only query parameters are decoded here.
/// Invariants: `path` begins with '/' (or is "*") and does not end with '/', "/" itself excepted; it is still
/// percent-encoded. Query parameters are decoded once, in order, repetitions included.
/// Threading: plain values.
/// Source: RFC 9112, 3.2; RFC 3986.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace polycube::api {

struct RequestTarget {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
};

/// Accepts the origin-form, the absolute-form and "*". Errors: malformed_message.
[[nodiscard]] Result<RequestTarget> parse_target(std::string_view target);

}  // namespace polycube::api
