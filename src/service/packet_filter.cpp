// SPDX-License-Identifier: Apache-2.0
#include "service/packet_filter.h"

#include <pcap/pcap.h>

#include <memory>
#include <vector>

namespace polycube::service {

Result<engine::PacketFilter> compile_filter(const std::string& expression) {
  if (expression.find_first_not_of(" \t") == std::string::npos) return engine::PacketFilter();
  constexpr int largest_packet = 65535;
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> pcap(pcap_open_dead(DLT_EN10MB, largest_packet), pcap_close);
  if (!pcap) return fail(ErrorCode::system, "cannot compile a filter: no memory");
  bpf_program program{};
  if (pcap_compile(pcap.get(), &program, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return fail(ErrorCode::invalid_value, "\"{}\" is not a filter: {} (see pcap-filter(7))", expression,
                pcap_geterr(pcap.get()));
  engine::PacketFilter filter;
  for (unsigned i = 0; i < program.bf_len; i++) {
    const bpf_insn& one = program.bf_insns[i];
    filter.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&program);
  return filter;
}

bool matches(const engine::PacketFilter& filter, std::span<const std::byte> packet) {
  std::vector<bpf_insn> code;
  code.reserve(filter.size());
  for (const auto& [operation, jt, jf, k] : filter) code.push_back({operation, jt, jf, k});
  const auto length = static_cast<u_int>(packet.size());
  return code.empty() || bpf_filter(code.data(), reinterpret_cast<const u_char*>(packet.data()), length, length) != 0;
}

}  // namespace polycube::service
