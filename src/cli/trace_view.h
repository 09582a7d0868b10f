// SPDX-License-Identifier: Apache-2.0
/// The way of a packet through cubes, as text.
/// Threading: pure.
#pragma once

#include <string>

#include "cli/document.h"

namespace polycube::cli {

/// Of an entry of the list `packet` that read-trace answers, or what `simulate` does: a line for the packet, and one or more for
/// each hop. What is missing is left out.
[[nodiscard]] std::string draw_path(const Json& packet);

}  // namespace polycube::cli
