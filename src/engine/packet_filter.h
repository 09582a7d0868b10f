// SPDX-License-Identifier: Apache-2.0
/// What decides which packets are followed.
/// Why a header of its own: libpcap and the kernel have different structs of one name for instructions, so who includes
/// <pcap/pcap.h> cannot include <linux/bpf.h>.
#pragma once

#include <polycube/abi.h>

#include <vector>

namespace polycube::engine {

/// Instructions of the classic BPF, as pcap_compile() makes them; empty: every packet.
using PacketFilter = std::vector<pcn_filter_instruction>;

}  // namespace polycube::engine
