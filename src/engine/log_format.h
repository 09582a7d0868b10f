// SPDX-License-Identifier: Apache-2.0
/// What a fast path logs (sdk/bpf/polycube/log.h), as text.
/// Invariants: nothing in a record can do harm: a conversion that does not exist, or has no argument, is shown as it is
/// written, widths are bounded, and the text is one line of printable characters.
/// Threading: pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace polycube::engine {

/// printf with the conversions of pcn_log. Arguments are 64 bits each, as the fast path put them there.
[[nodiscard]] std::string format_log(std::string_view format, std::span<const std::uint64_t> arguments);

struct LogLine {
  std::chrono::nanoseconds time{};  ///< CLOCK_MONOTONIC
  std::uint16_t level = 0;          ///< 0 trace .. 5 critical
  bool egress = false;              ///< which program of the cube wrote it
  std::uint16_t program = 0;
  std::string text;
};

/// What a record holds; nothing when it is none.
[[nodiscard]] std::optional<LogLine> parse_log_record(std::span<const std::byte> record);

}  // namespace polycube::engine
