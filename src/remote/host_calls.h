// SPDX-License-Identifier: Apache-2.0
/// What a service asks of a cube's host, carried out.
/// Invariants: everything is checked as far as the host does not; no message makes more of it than the functions of
/// control.h allow.
/// Threading: as the host.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "remote/message.h"

namespace polycube::remote {

/// Of an object that a service sends, in bytes.
inline constexpr std::size_t max_object = std::size_t{16} << 20;
/// Errors: limit_exceeded.
[[nodiscard]] Result<> check_object(const std::string& object);

/// Tables that were opened, by direction and index of their programs, and name.
using Tables = std::map<std::tuple<bool, std::uint32_t, std::string>, std::unique_ptr<control::RawTable>>;

[[nodiscard]] pb::Reply ports(control::Host& host);
[[nodiscard]] pb::Reply send_packet(control::Host& host, const pb::PacketOut& packet);
/// `tables`: those that were opened.
[[nodiscard]] pb::Reply use_table(control::Host& host, Tables& tables, const pb::TableCall& call);
[[nodiscard]] pb::Reply change_program(control::Host& host, const pb::ProgramCall& call);
void log_line(control::Host& host, const pb::Line& line);

}  // namespace polycube::remote
