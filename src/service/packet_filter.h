// SPDX-License-Identifier: Apache-2.0
/// Filters of packets, as tcpdump knows them.
/// Why names of hosts are refused: libpcap would ask the resolver for them, in the daemon.
/// Threading: pure, but for names of ports and protocols, which are looked up in files.
/// Source: pcap-filter(7).
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "engine/packet_filter.h"

namespace polycube::service {

/// Of Ethernet frames; an empty expression lets every packet through. Errors: invalid_value, with what libpcap says of it.
[[nodiscard]] Result<engine::PacketFilter> compile_filter(const std::string& expression);

/// Whether it lets a packet through, from the Ethernet header on.
[[nodiscard]] bool matches(const engine::PacketFilter& filter, std::span<const std::byte> packet);

}  // namespace polycube::service
