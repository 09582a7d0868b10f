// SPDX-License-Identifier: Apache-2.0
/// What the daemon answered, as values and as texts for people.
/// Threading: pure functions.
/// Source: RFC 8040, 3.9 (errors) and 4.3 (GET).
#pragma once

#include <string>

#include "cli/client.h"

namespace polycube::cli {

/// The resource in a reply to GET, unwrapped: an object, the array of a list, or a leaf's value.
[[nodiscard]] Result<Json> resource_in(const std::string& body, const Target& target);

/// What a reply of 404 means for a target that exists: a list, or a container, without content.
[[nodiscard]] Json empty_resource(const Target& target);

/// The members of an action's output, or null when there are none.
[[nodiscard]] Result<Json> output_in(const std::string& body, const Node& action);

/// "error: <message>" with path and details, one line each at least; the body as it is when it holds no errors. Of a log of
/// the verifier, whose reason is in the message already, the end only, unless `whole_log`.
[[nodiscard]] std::string refusal(const Reply& reply, bool whole_log);

/// Content of `polycube:cubes` (after from_wire) by service: {"bridge":[{...}]}.
[[nodiscard]] Json by_service(const Json& cubes);

/// The services' lists in a reply to GET of the whole datastore, by service.
[[nodiscard]] Result<Json> services_in(const std::string& body, const Schema& schema);

}  // namespace polycube::cli
