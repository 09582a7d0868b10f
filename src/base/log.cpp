// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>

#include <algorithm>
#include <cctype>
#include <string>

namespace polycube::log {

Result<spdlog::level::level_enum> parse_level(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  static constexpr std::pair<std::string_view, spdlog::level::level_enum> levels[] = {
      {"trace", spdlog::level::trace}, {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
      {"warn", spdlog::level::warn},   {"err", spdlog::level::err},     {"critical", spdlog::level::critical},
      {"off", spdlog::level::off},
  };
  for (const auto& [text, level] : levels)
    if (lower == text) return level;
  return fail(ErrorCode::invalid_value,
              "{} is not a valid logging level; use trace, debug, info, warn, err, critical or off", name);
}

void start(spdlog::level::level_enum level) {
  auto logger = spdlog::stderr_color_mt("polycubed");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %-8l %v");
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void write(spdlog::level::level_enum level, std::string_view text, std::chrono::system_clock::time_point time) {
  const spdlog::logger& own = *spdlog::default_logger_raw();
  spdlog::logger lines(own.name(), own.sinks().begin(), own.sinks().end());
  lines.set_level(spdlog::level::trace);
  lines.flush_on(spdlog::level::trace);
  lines.log(time, {}, level, text);
}

}  // namespace polycube::log
