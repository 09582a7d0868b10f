// SPDX-License-Identifier: Apache-2.0
/// Says what the running cubes would do with a packet, by running it through their programs.
/// Why: an operator wants to know before, and without touching what runs. A simulation has no side effects at all, because it
/// runs on a twin: an engine of its own with the same wiring and programs, to which nothing is attached, and with copies of
/// what the tables hold. Its programs only tell of the copies of a flood instead of making them (PCN_TRACE_SIMULATE); what
/// leaves a program is gone on with here, as the kernel would. They run in a network namespace without devices, so that
/// nothing can be sent, whatever they do.
/// Invariants: the running engine is only read. Programs and tables of the twin go with it.
/// Limits: control planes are not simulated: a packet that goes to a slow path ends there. Programs get no answer about the
/// host's routes and sockets, nor see the device. A device that is down, or an MTU, does not end a path.
/// Threading: one simulator is used by one thread at a time. create() reads the running engine and wants what its readers want.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace polycube::engine {

struct Simulation {
  /// As the tracer tells them (sdk/bpf/polycube/trace.h), all of them of packet 1. What became of one copy comes before what
  /// became of the next.
  std::vector<pcn_trace_event> events;
  bool complete = true;  ///< false: packets were still on their way after max_runs runs
};

class Simulator {
 public:
  /// Programs that are run for one packet, which may be copied, and come back, without end.
  static constexpr std::size_t max_runs = 256;
  /// Bytes of a packet, from the Ethernet header on: what the kernel can run programs over.
  static constexpr std::size_t smallest = 14;
  static constexpr std::size_t largest = 3400;

  /// The twin of the cubes that packets at this device can come to. `topology`, `wiring`, `devices`: those that `running`
  /// carries out. Errors: operation_not_supported (a program of a cube cannot be followed), system.
  [[nodiscard]] static Result<Simulator> create(const Engine& running, const topology::Topology& topology,
                                                const topology::Wiring& wiring, const topology::Devices& devices,
                                                int device);

  /// `device`: that of create(). `direction`: from the wire to the host, or from the host to the wire. Errors: invalid_value
  /// (length of the packet), data_missing (no cube is there), system.
  [[nodiscard]] Result<Simulation> run(int device, topology::Direction direction,
                                       std::span<const std::byte> packet) const;

  /// What events name.
  [[nodiscard]] const Engine& twin() const { return *twin_; }
  /// Tables of which the twin has no copy, with their cubes.
  [[nodiscard]] const std::vector<std::string>& empty_tables() const { return empty_tables_; }

 private:
  struct Run;
  Simulator() = default;
  [[nodiscard]] Result<> make_twin(const Engine& running, const topology::Topology& topology,
                                   const topology::Wiring& wiring, const topology::Devices& devices);
  [[nodiscard]] Result<> fill_tables(const std::map<std::string, Cube::Snapshot>& programs);
  [[nodiscard]] Result<> load_entrances();

  std::unique_ptr<Engine> twin_;
  std::vector<std::string> empty_tables_;
  std::map<Family, bpf::Program> entrances_;  ///< what every packet enters first
};

}  // namespace polycube::engine
