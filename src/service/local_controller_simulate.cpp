// SPDX-License-Identifier: Apache-2.0
// What would become of a packet: `polycube:simulate`.
#include "base/near_matches.h"
#include "engine/simulator.h"
#include "service/local_controller.h"
#include "service/packet_builder.h"
#include "service/trace_path.h"

namespace polycube::service {

namespace {

std::string text_of(const std::map<std::string, std::string>& input, const std::string& leaf) {
  const auto found = input.find(leaf);
  return found == input.end() ? std::string() : found->second;
}

}  // namespace

Result<model::Output> LocalController::simulate(const std::map<std::string, std::string>& input) {
  const auto bytes = input.find("bytes");
  PCN_ASSIGN(const bpf::Bytes packet,
             bytes != input.end() ? parse_hexadecimal(bytes->second) : build_packet(text_of(input, "fields")));
  const std::string& name = input.at("device");
  const bool out = text_of(input, "direction") == "egress";
  const std::lock_guard one_at_a_time(simulating_);  // each has copies of all tables
  if (stopping_) return fail(ErrorCode::system, "the daemon is stopping");
  const ReadLock lock(mutex_);
  const topology::Devices devices = usable_devices(topology_);
  const auto device = devices.find(name);
  if (device == devices.end())
    return fail(ErrorCode::data_missing, "Interface {} does not exist{}", name, near_keys(name, devices));
  const int index = device->second.index;
  PCN_ASSIGN(const engine::Simulator simulator,
             engine::Simulator::create(*engine_, topology_, wiring_, devices, index));
  auto simulation = simulator.run(index, out ? topology::Direction::egress : topology::Direction::ingress, packet);
  if (!simulation) return fail_with(simulation.error(), name);
  TraceNames names = trace_names();
  names.cube = [&](std::uint16_t number) { return simulator.twin().traced_cube(number).value_or(""); };
  model::Output output;
  output.add_node("packet", output_of(trace_path(simulation->events, names), false));
  if (!simulation->complete)
    output.add("note",
               fmt::format("the packet or copies of it were still on their way after {} programs: is there a loop?",
                           engine::Simulator::max_runs));
  for (const std::string& table : simulator.empty_tables())
    output.add("note",
               fmt::format("{} was empty: what is in such a table cannot be read without taking it out", table));
  return output;
}

}  // namespace polycube::service
