// SPDX-License-Identifier: Apache-2.0
/// The log of a process: one line an event, with time, level and component, on standard error.
/// Threading: safe from every thread.
#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

#include "base/result.h"

namespace polycube::log {

/// Accepts trace, debug, info, warn, err, critical and off in any letter case.
[[nodiscard]] Result<spdlog::level::level_enum> parse_level(std::string_view name);

/// Directs spdlog's default logger to standard error in the project's format.
void start(spdlog::level::level_enum level);

using spdlog::critical;
using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::trace;
using spdlog::warn;

}  // namespace polycube::log
