// SPDX-License-Identifier: Apache-2.0
/// A running cube: its tables, its program, and its place in the panel.
/// Why: the program is replaced whenever its constants change, the tables stay.
/// Invariants: the program in the slot is the one last given to install(). Destroyed only after a grace period since
/// nothing jumps there any more.
/// Threading: tables and statistics are read from any thread; everything else under the engine's lock.
#pragma once

#include <polycube/abi.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/package.h"
#include "engine/table_access.h"

namespace polycube::engine {

struct PortStatistics {
  std::uint64_t in_packets = 0;
  std::uint64_t in_bytes = 0;
  std::uint64_t out_packets = 0;
  std::uint64_t out_bytes = 0;
};

struct CubeStatistics {
  std::map<std::uint16_t, PortStatistics> ports;  ///< by port index, since the port was created
  std::map<std::string, std::uint64_t> drops;     ///< by reason; only those that occurred
};

/// What load() makes of a cube's object.
struct CubePrograms {
  bpf::Program ingress;
  bpf::Program flood;  ///< of an XDP cube that floods: makes the copies
  bpf::Program out;    ///< of a cube with a slow path: what that sends out of ports enters it
  /// What packets from a device enter, by input port. A cube with few devices has a program for each, in which the port
  /// is a constant; for others it is an entry program, which stays the same when the cube's program is replaced.
  std::map<std::uint16_t, std::shared_ptr<bpf::Program>> entries;
  bool own_entries = true;
};

class Cube {
 public:
  /// `flood_panel`: where programs that make copies are called from; used for XDP cubes that flood.
  [[nodiscard]] static Result<std::unique_ptr<Cube>> create(Panel& panel, Panel& flood_panel, const Package& package,
                                                            topology::Hook hook);

  [[nodiscard]] const Package& package() const { return *package_; }
  [[nodiscard]] topology::Hook hook() const { return hook_; }
  [[nodiscard]] std::uint16_t slot() const { return slot_.number(); }
  /// Slot of the program that makes copies; 0 when there is none.
  [[nodiscard]] std::uint16_t flood_slot() const { return flood_slot_ ? flood_slot_->number() : 0; }
  /// Slot that what the slow path sends out of ports enters; absent without a slow path.
  [[nodiscard]] std::optional<std::uint16_t> out_slot() const {
    return out_slot_ ? std::optional(out_slot_->number()) : std::nullopt;
  }
  [[nodiscard]] const bpf::Program& program() const { return programs_.ingress; }
  /// What the root of the device on this port is steered to.
  [[nodiscard]] const bpf::Program& entry(std::uint16_t port) const { return *programs_.entries.at(port); }

  /// Cubes with more devices than this get entry programs. Why: a program of its own saves a tail call and 2 ns a packet, and
  /// costs a program load whenever the wiring changes.
  static constexpr std::size_t max_own_entries = 8;

  /// Loads the programs with these constants; the first call creates the tables. `entry_object`: the engine's entry
  /// program.
  [[nodiscard]] Result<CubePrograms> load(const pcn_config& config, const bpf::ObjectFile& entry_object);

  /// Puts programs into the slots; returns those that were there.
  [[nodiscard]] Result<CubePrograms> install(CubePrograms programs);

  [[nodiscard]] Result<TableAccess> table(const model::TableBinding& binding) const;
  /// The device map of an XDP cube that floods, whose element is the injector, else null.
  [[nodiscard]] const bpf::Map* injector_map() const;
  /// The ring in which packets for the slow path come, else null.
  [[nodiscard]] const bpf::Map* controller_ring() const;

  [[nodiscard]] Result<CubeStatistics> statistics(const std::vector<std::uint16_t>& ports) const;
  /// A port with this index begins to count from zero.
  [[nodiscard]] Result<> start_counting(std::uint16_t port);
  /// What was counted before the port was created, to take start_counting() back.
  [[nodiscard]] PortStatistics counted_before(std::uint16_t port) const;
  void set_counted_before(std::uint16_t port, const PortStatistics& statistics) { counted_before_[port] = statistics; }

  /// The wires that the installed program and the flood entries follow; kept by the engine.
  std::map<std::uint16_t, topology::Wire> wires;
  pcn_config config{};

 private:
  Cube(Panel& panel, PanelSlot slot, const Package& package, topology::Hook hook)
      : panel_(&panel), slot_(std::move(slot)), package_(&package), hook_(hook) {}
  [[nodiscard]] Result<> set_slots(const CubePrograms& programs) const;
  [[nodiscard]] Result<pcn_stats> total() const;
  [[nodiscard]] Result<> load_entries(const std::vector<std::uint16_t>& ports, const bpf::ObjectFile& object,
                                      CubePrograms& programs) const;

  Panel* panel_;
  PanelSlot slot_;
  std::optional<PanelSlot> flood_slot_;
  std::optional<PanelSlot> out_slot_;
  const Package* package_;
  topology::Hook hook_;
  std::map<std::string, bpf::Map> maps_;
  CubePrograms programs_;
  std::map<std::uint16_t, PortStatistics> counted_before_;
};

}  // namespace polycube::engine
