// SPDX-License-Identifier: Apache-2.0
/// Bodies of the resources that describe the API itself.
/// Threading: pure functions.
/// Source: RFC 8040, 3.1 (host-meta), 3.3 (API resource), 3.3.2 (operations), 3.3.3 (yang-library-version).
#pragma once

#include <string>
#include <string_view>

#include "model/datastore.h"
#include "model/schema.h"

namespace polycube::api {

/// XRD document with the link to the root of the API.
[[nodiscard]] std::string host_meta();

[[nodiscard]] std::string api_resource(const model::Schema& schema, model::Format format);
[[nodiscard]] std::string yang_library_version(const model::Schema& schema, model::Format format);
[[nodiscard]] std::string operations_resource(const model::Schema& schema, model::Format format);

/// Whether `rpc` ("module:name") is an operation of the daemon.
[[nodiscard]] bool has_rpc(const model::Schema& schema, std::string_view rpc);

}  // namespace polycube::api
