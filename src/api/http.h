// SPDX-License-Identifier: Apache-2.0
/// An HTTP exchange as plain values.
/// Why: what the API answers is decided without a socket, so it can be tested and fuzzed by calling a function.
/// Invariants: `target` is the request-target as it was received (percent-encoded); header names compare without regard
/// to letter case. The reply to HEAD holds the body of the reply to GET; the transport leaves it out.
/// Threading: plain values.
/// Source: RFC 9110, RFC 9112.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "service/client.h"

namespace polycube::api {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;
  std::string target;
  Headers headers;
  std::string body;
  service::Client client = {};
};

/// A body without an end, such as that of events.
class EndlessBody {
 public:
  virtual ~EndlessBody() = default;
  /// Readable when next() has something.
  [[nodiscard]] virtual int fd() const = 0;
  /// What is to be sent now, empty when there is nothing; nullopt: it is over.
  [[nodiscard]] virtual std::optional<std::string> next() = 0;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;
  std::shared_ptr<EndlessBody> stream = {};  ///< comes instead of the body, and ends with the connection
};

/// The value of a header; the values of one that is repeated are joined with ", " (RFC 9110, 5.3).
[[nodiscard]] std::optional<std::string> find_header(const Headers& headers, std::string_view name);

/// Equality of ASCII text without regard to letter case.
[[nodiscard]] bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

/// Lower-case ASCII.
[[nodiscard]] std::string to_lower(std::string_view text);

/// What clients send in a form that cannot forge lines of the log or drive a terminal, cut where it is long.
[[nodiscard]] std::string loggable(std::string_view text);

/// Splits at `separator`, but not inside a quoted-string (RFC 9110, 5.6.4). Parts are trimmed; empty ones are left out.
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view text, char separator);

}  // namespace polycube::api
