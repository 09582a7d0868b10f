// SPDX-License-Identifier: Apache-2.0
/// The log of a process: one line an event, with time, level and component, on standard error.
/// Threading: safe from every thread.
#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <string_view>

#include "base/result.h"

namespace polycube::log {

/// Accepts trace, debug, info, warn, err, critical and off in any letter case.
[[nodiscard]] Result<spdlog::level::level_enum> parse_level(std::string_view name);

/// Directs spdlog's default logger to standard error in the project's format. When that is the journal, each line begins with
/// its priority instead: the journal knows time, program and level by itself. Source: sd-daemon(3), systemd.exec(5).
void start(spdlog::level::level_enum level);

/// Writes a line that a level other than the process's own has let through: a cube has a loglevel of its own.
void write(spdlog::level::level_enum level, std::string_view text,
           std::chrono::system_clock::time_point time = std::chrono::system_clock::now());

using spdlog::critical;
using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::trace;
using spdlog::warn;

}  // namespace polycube::log
