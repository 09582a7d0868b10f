// SPDX-License-Identifier: Apache-2.0
/// Errors as values. @file
/// Why: an operator must read what failed, where, and what to do; a caller must not be able to overlook it.
/// Invariants: `message` is one complete sentence fragment without a trailing period, fit for a user; `path` is empty or
/// the RESTCONF data path (RFC 8040, 3.5.3) of the node that is wrong; `detail` is empty or a long text (verifier log).
/// Threading: plain values.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace polycube {

/// What went wrong, by kind. The API maps kinds to RFC 8040 error-tags and HTTP status codes (see api/errors.h).
enum class ErrorCode {
  malformed_message,        ///< body or path cannot be parsed
  invalid_value,            ///< a value is outside its type, range, pattern or enumeration, or breaks a `must`
  unknown_element,          ///< a node that the model does not have
  missing_element,          ///< a mandatory node or key is absent
  data_exists,              ///< create of something present
  data_missing,             ///< use of something absent (also: a reference to something absent)
  not_found,                ///< the resource of a read does not exist
  in_use,                   ///< the thing is held by something else
  limit_exceeded,           ///< too many or too large
  access_denied,            ///< not permitted
  operation_not_supported,  ///< the resource has no such method, or the system no such feature
  precondition_failed,      ///< If-Match did not match
  unsupported_feature,      ///< kernel or device lacks a feature; the message names it and what to use instead
  verifier_rejected,        ///< the kernel refused a program; `detail` is the verifier's log
  system,                   ///< a system call failed; the message holds what and errno's text
};

struct Error {
  ErrorCode code = ErrorCode::system;
  std::string message;
  std::string path;
  std::string detail;
};

template <typename T = void>
using Result = tl::expected<T, Error>;

/// `return fail(ErrorCode::in_use, "device {} is the peer of {}", name, port);`
template <typename... Args>
[[nodiscard]] tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...), {}, {}});
}

/// An error of the last system call: "<what>: <strerror(error_number)>".
[[nodiscard]] tl::unexpected<Error> fail_errno(int error_number, const std::string& what);

/// Passes an error on with context in front of its message: "<context>: <message>".
[[nodiscard]] tl::unexpected<Error> fail_with(Error error, const std::string& context);

}  // namespace polycube

/// Returns the error of a failed Result from the enclosing function.
#define PCN_TRY(expression)                                                    \
  do {                                                                         \
    if (auto pcn_result = (expression); !pcn_result)                           \
      return tl::unexpected<::polycube::Error>(std::move(pcn_result).error()); \
  } while (false)

#define PCN_CONCAT_(a, b) a##b
#define PCN_CONCAT(a, b) PCN_CONCAT_(a, b)

/// `PCN_ASSIGN(auto map, Map::open(id));` declares `map` or returns the error.
#define PCN_ASSIGN(declaration, expression) PCN_ASSIGN_(PCN_CONCAT(pcn_result_, __LINE__), declaration, expression)
#define PCN_ASSIGN_(temporary, declaration, expression)                                   \
  auto temporary = (expression);                                                          \
  if (!temporary) return tl::unexpected<::polycube::Error>(std::move(temporary).error()); \
  declaration = std::move(*temporary)
