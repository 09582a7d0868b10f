// SPDX-License-Identifier: Apache-2.0
/// Errors as RESTCONF shows them.
/// Why: the one place that turns an ErrorCode into an HTTP status and an error-tag, and an Error into a body.
/// Invariants: bodies are valid UTF-8 whatever the message holds.
/// Threading: pure functions.
/// Source: RFC 8040, 7 and 7.1; docs/architecture.md, "HTTP".
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "api/http.h"
#include "api/media_type.h"
#include "base/result.h"
#include "model/schema.h"

namespace polycube::api {

/// An error on its way to the client, with what HTTP adds to it.
struct Failure {
  Failure(Error wrong) : error(std::move(wrong)) {}  // NOLINT(google-explicit-constructor): PCN_ASSIGN converts
  Failure(Error wrong, int http_status) : error(std::move(wrong)), status(http_status) {}

  Error error;
  int status = 0;   ///< 0: the one of the code
  Headers headers;  ///< more headers of the reply (Allow)
};

/// error-tag of an error code.
[[nodiscard]] std::string_view error_tag(ErrorCode code);

/// HTTP status of an error code; `reading`: for GET and HEAD, where a node that the model does not have is just not found.
[[nodiscard]] int error_status(ErrorCode code, bool reading);

/// The api-path of a node as an instance-identifier in the JSON form (RFC 7951, 6.11). The model gives the names of the
/// keys; steps of which it knows none are kept without their keys. Empty when the path cannot be parsed.
[[nodiscard]] std::string instance_identifier(const model::Schema* schema, std::string_view api_path);

/// The reply. `schema` may be null: then there is no error-path.
[[nodiscard]] HttpResponse error_response(const Failure& failure, bool reading, const MediaType& type,
                                          const model::Schema* schema);

/// Text with the characters that XML reserves or forbids replaced, as valid UTF-8.
[[nodiscard]] std::string xml_text(std::string_view text);

/// Namespace of an implemented or imported module, or empty.
[[nodiscard]] std::string module_namespace(const model::Schema& schema, const std::string& module);

}  // namespace polycube::api
