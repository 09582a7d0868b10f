// SPDX-License-Identifier: Apache-2.0
/// Packets out of capture files.
/// Threading: pure but for the file.
/// Source: draft-ietf-opsawg-pcap.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace polycube::cli {

/// The packet of this number, from 1 on, two hexadecimal digits for each byte. Errors: malformed_message (the file cannot be
/// read, is no capture of Ethernet, or has not this packet, or not all of it), with what to do.
[[nodiscard]] Result<std::string> read_pcap(const std::string& path, std::uint64_t number);

}  // namespace polycube::cli
