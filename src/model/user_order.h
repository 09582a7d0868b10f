// SPDX-License-Identifier: Apache-2.0
/// Which nodes of a model have an order that users give.
/// Why: changes of a cube (flat_changes.h) say which entries there are, not where they stand; who cannot keep an order must be
/// able to say so.
/// Threading: pure functions.
/// Source: RFC 7950, 7.7.7.
#pragma once

#include <optional>
#include <string>

#include "model/schema.h"

namespace polycube::model {

/// A list or leaf-list of the service's configuration that is `ordered-by user`, as a path of names, if there is one.
[[nodiscard]] std::optional<std::string> ordered_by_user(const ServiceModel& service);

}  // namespace polycube::model
