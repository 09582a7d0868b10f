// SPDX-License-Identifier: Apache-2.0
/// Edits that depend on If-Match and If-None-Match.
/// Why: the controller compares If-Match inside its transaction; If-None-Match is reduced to it here, so that it is as
/// safe against concurrent edits.
/// Threading: safe where the controller is.
/// Source: RFC 9110, 13.1 and 13.2.2.
#pragma once

#include "api/http.h"
#include "service/controller.h"

namespace polycube::api {

/// Errors: precondition_failed when a condition does not hold, invalid_value when a header is malformed.
[[nodiscard]] Result<service::EditReply> conditional_edit(service::Controller& controller, const model::Edit& edit,
                                                          const Headers& headers, const service::Origin& origin);

}  // namespace polycube::api
