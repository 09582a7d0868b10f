// SPDX-License-Identifier: Apache-2.0
/// A running cube: its tables, its programs, and its place in the panel.
/// Why: programs are replaced whenever their constants change, the tables stay.
/// Invariants: the programs in the slots are those last given to install(), or put in their place by replace() and remove().
/// Destroyed only after a grace period since nothing jumps there any more.
/// Threading: tables and statistics are read from any thread; programs are loaded and put into place under the engine's lock
/// for that; everything else by the engine's one writer.
#pragma once

#include <polycube/abi.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/map_access.h"
#include "engine/microcube.h"
#include "engine/package.h"
#include "engine/slow_path.h"
#include "engine/table_access.h"
#include "topology/wiring.h"

namespace polycube::engine {

struct PortStatistics {
  std::uint64_t in_packets = 0;
  std::uint64_t in_bytes = 0;
  std::uint64_t out_packets = 0;
  std::uint64_t out_bytes = 0;
  bool operator==(const PortStatistics&) const = default;
};

struct CubeStatistics {
  std::map<std::uint16_t, PortStatistics> ports;  ///< by port index, since the port was created
  std::map<std::string, std::uint64_t> drops;     ///< by reason; only those that occurred
};

/// Where a device's packets enter a cube: on the way in or out of this port.
using CubeGate = std::pair<topology::Direction, std::uint16_t>;

/// The constants of a cube's programs, and for which gates there are to be programs.
struct CubeConstants {
  pcn_config ingress{};
  pcn_config egress{};  ///< of the program behind handle_tx
  pcn_config
      host_egress{};  ///< the same for packets of the host at the devices of an XDP cube, which pass no XDP program
  pcn_config out{};   ///< of what the slow path sends
  std::set<CubeGate> gates;

  /// Whether no packet of the host passes the cube on its way out.
  [[nodiscard]] bool host_egress_empty() const { return host_egress.ports == 0; }
  bool operator==(const CubeConstants& other) const {
    return std::memcmp(&ingress, &other.ingress, sizeof(ingress)) == 0 &&
           std::memcmp(&egress, &other.egress, sizeof(egress)) == 0 &&
           std::memcmp(&host_egress, &other.host_egress, sizeof(host_egress)) == 0 &&
           std::memcmp(&out, &other.out, sizeof(out)) == 0 && gates == other.gates;
  }
};

/// The programs in a master's object.
struct MasterPrograms {
  bpf::Program ingress;
  bpf::Program egress;       ///< of a cube with a program for the way out
  bpf::Program host_egress;  ///< the same for the hook of TC, of an XDP cube at devices
  bpf::Program flood;        ///< of an XDP cube that floods: makes the copies
  bpf::Program out;          ///< of a cube with a slow path: what that sends out of ports enters it
  /// What packets at a gate enter. A cube with few of them has a program for each, in which the port is a constant; for
  /// others it is an entry program, which stays the same when the cube's program is replaced.
  std::map<CubeGate, std::shared_ptr<bpf::Program>> entries;
  bool own_entries = true;
};

struct SlavePrograms {
  bpf::Program own;
  bpf::Program host;  ///< of a slave for the way out of an XDP cube, for packets of the host at the TC hook
};

/// What load() makes of a cube's objects.
struct CubePrograms {
  CubeConstants constants;
  std::uint64_t version = 0;  ///< of the cube's microcubes for which they were loaded
  MasterPrograms master;
  std::map<MicrocubeId, SlavePrograms> slaves;
};

class Cube {
 public:
  /// What cubes are made in.
  struct Surroundings {
    Panel& panel;
    Panel& tc_panel;  ///< of the programs that an XDP cube has on TC, which make copies or meet packets of the host
    SharedTables& tables;
    Pins* pins;  ///< of what outlives the daemon; null: nothing does
  };
  /// `uuid`: by which a later daemon finds its tables.
  [[nodiscard]] static Result<std::unique_ptr<Cube>> create(const Surroundings& surroundings, const std::string& name,
                                                            const Package& package, topology::Hook hook,
                                                            const std::string& uuid);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Package& package() const { return *package_; }
  [[nodiscard]] topology::Hook hook() const { return hook_; }
  [[nodiscard]] std::uint16_t slot() const { return slot_.number(); }
  /// Slot of the program that makes copies; 0 when there is none.
  [[nodiscard]] std::uint16_t flood_slot() const { return flood_slot_ ? flood_slot_->number() : 0; }
  /// Slot that what the slow path sends out of ports enters; absent without a slow path.
  [[nodiscard]] std::optional<std::uint16_t> out_slot() const {
    return out_slot_ ? std::optional(out_slot_->number()) : std::nullopt;
  }
  /// Slots that packets on their way out enter, on the cube's hook and at the TC hook of its devices (the same on TC);
  /// 0 when the cube has no program for that.
  [[nodiscard]] std::uint16_t egress_slot() const { return egress_slot_ ? egress_slot_->number() : 0; }
  [[nodiscard]] std::uint16_t host_egress_slot() const {
    return host_egress_slot_ ? host_egress_slot_->number() : egress_slot();
  }
  [[nodiscard]] const bpf::Program& program() const { return programs_.master.ingress; }
  /// Behind handle_tx; of cubes that have it.
  [[nodiscard]] const bpf::Program& egress_program() const { return programs_.master.egress; }
  [[nodiscard]] bool has_entry(const CubeGate& gate) const { return programs_.master.entries.contains(gate); }
  /// What the root at this gate is steered to.
  [[nodiscard]] const bpf::Program& entry(const CubeGate& gate) const { return *programs_.master.entries.at(gate); }

  /// Cubes with more gates than this get entry programs. Why: a program of its own saves a tail call and 2 ns a packet, and
  /// costs a program load whenever the wiring changes.
  static constexpr std::size_t max_own_entries = 8;

  /// The engine's entry program, for the cube's hook and for TC.
  struct EntryObjects {
    const bpf::ObjectFile& own;
    const bpf::ObjectFile& tc;
  };
  /// Loads the programs with these constants; the first call creates the tables.
  [[nodiscard]] Result<CubePrograms> load(const CubeConstants& constants, const EntryObjects& entry_objects);

  /// Puts programs into the slots; returns those that were there.
  /// After an install() that failed: packets meet the programs before, as far as they did not all the time.
  [[nodiscard]] Result<> put_slots_back() const { return programs_.master.ingress ? set_slots(programs_) : Result<>(); }
  [[nodiscard]] Result<CubePrograms> install(CubePrograms programs);

  /// Its programs go, and what still comes to its slots is dropped. Only to be destroyed from then on.
  void retire(const bpf::Program& drop_tc, const bpf::Program& drop_xdp);

  /// Before the first load(): it is to have these, and not its package's master alone.
  void set_programs(const std::map<MicrocubeId, Code>& programs);
  /// Which microcubes there are: CubePrograms of another version are of others.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  /// Those inherited are as if they were not there, but for the master.
  [[nodiscard]] bool has(const MicrocubeId& id) const {
    return microcubes_.contains(id) && (id.is_master() || !inherited_.contains(id));
  }
  void inherit();
  void disinherit() { inherited_.clear(); }
  [[nodiscard]] Result<> drop_inherited(const EntryObjects& entry_objects);
  /// Loads the code of a microcube, a new one or in place of one that runs, and lets packets enter it. A table stays when the
  /// code before has it under this name, alike. Errors: as check_code() and load().
  [[nodiscard]] Result<> replace(const MicrocubeId& id, const Code& code, const EntryObjects& entry_objects);
  /// Of a slave that is there.
  void remove(const MicrocubeId& id);

  struct Snapshot {
    std::uint64_t version = 0;
    std::map<MicrocubeId, Microcube> microcubes;
  };
  [[nodiscard]] Snapshot snapshot() const { return {version_, microcubes_}; }
  /// The programs and their tables as they were.
  [[nodiscard]] Result<> put_back(const Snapshot& snapshot, const EntryObjects& entry_objects);

  /// Notes in `changes` what is about to be done to a program, and that it was done.
  void note_before(const MicrocubeId& id, ProgramChanges& changes) const;
  void note_after(const MicrocubeId& id, ProgramChanges& changes) const;
  /// Takes them back, but for programs that somebody changed since.
  [[nodiscard]] Result<> take_back(const ProgramChanges& changes, const EntryObjects& entry_objects);

  [[nodiscard]] Result<TableAccess> table(const model::TableBinding& binding) const;
  /// Any table of an author's that this program has, bound or not; by the master also those that all of the cube share.
  /// Errors: data_missing.
  [[nodiscard]] Result<MapAccess> map(const std::string& table, const MicrocubeId& program = {}) const;
  /// Those of all its programs; a slave's own that has the name of another's is called "NAME of PROGRAM".
  [[nodiscard]] std::map<std::string, MapAccess> tables() const;
  /// The ring buffers that the master declares.
  [[nodiscard]] std::vector<std::string> rings() const;
  /// The device map of an XDP cube that floods, whose element is the injector, else null.
  [[nodiscard]] const bpf::Map* injector_map() const { return shared("pcn_injector"); }
  /// The ring in which packets for the slow path come, else null.
  [[nodiscard]] const bpf::Map* controller_ring() const { return shared("pcn_controller"); }
  /// The ring with the lines that the fast path logs, else null.
  [[nodiscard]] const bpf::Map* log_ring() const { return shared("pcn_log_ring"); }

  /// Lines that found no room there.
  [[nodiscard]] Result<std::uint64_t> lost_log_lines() const;

  [[nodiscard]] Result<CubeStatistics> statistics(const std::vector<std::uint16_t>& ports) const;
  /// A port with this index begins to count from zero.
  [[nodiscard]] Result<> start_counting(std::uint16_t port);
  /// What was counted before the port was created, to take start_counting() back.
  [[nodiscard]] PortStatistics counted_before(std::uint16_t port) const;
  [[nodiscard]] Result<> set_counted_before(std::uint16_t port, const PortStatistics& statistics);

  /// The wires that the installed program and the flood entries follow; kept by the engine.
  topology::CubeWires wires;
  /// Of the programs that are installed.
  [[nodiscard]] const CubeConstants& constants() const { return programs_.constants; }

 private:
  Cube(const Surroundings& surroundings, PanelSlot slot, std::string name, const Package& package, topology::Hook hook,
       std::string uuid)
      : pins_(surroundings.pins),
        uuid_(std::move(uuid)),
        panel_(&surroundings.panel),
        tc_panel_(&surroundings.tc_panel),
        shared_(&surroundings.tables),
        slot_(std::move(slot)),
        name_(std::move(name)),
        package_(&package),
        hook_(hook) {}
  [[nodiscard]] Result<> set_slots(const CubePrograms& programs) const;
  [[nodiscard]] Result<> set_slots(const MasterPrograms& master) const;
  [[nodiscard]] Result<> set_program(const MicrocubeId& id, const SlavePrograms& slave) const;
  [[nodiscard]] std::string user(const MicrocubeId& id) const {
    return fmt::format("{} of cube {}", to_string(id), name_);
  }
  [[nodiscard]] const bpf::Map* shared(const std::string& name) const;  ///< with the engine; null when there is none
  [[nodiscard]] Result<pcn_stats> total() const;
  [[nodiscard]] std::string counted_before_name() const { return fmt::format("tables/{}/counted-before", uuid_); }
  [[nodiscard]] Result<> find_counted_before();
  [[nodiscard]] Result<> keep_counted_before(bpf::Map map);
  [[nodiscard]] bool is_host_gate(const CubeGate& gate) const;
  struct Loading;  ///< a microcube that is being loaded
  [[nodiscard]] Result<> load_microcube(Loading& loading) const;
  [[nodiscard]] Result<> load_master(Loading& loading) const;
  [[nodiscard]] Result<> load_own(Loading& loading, const std::vector<CubeGate>& gates) const;
  [[nodiscard]] Result<> load_host_egress(Loading& loading, const std::vector<CubeGate>& gates) const;
  [[nodiscard]] Result<> load_entries(const std::set<CubeGate>& gates, const EntryObjects& objects,
                                      MasterPrograms& programs) const;
  [[nodiscard]] Result<> load_slave(Loading& loading) const;
  [[nodiscard]] Result<bpf::LoadedObject> load_object(Loading& loading, Family family, bpf::LoadOptions options) const;
  [[nodiscard]] Result<std::shared_ptr<Table>> find_table(const Loading& loading, const bpf::ObjectFile& object,
                                                          const std::string& key, const std::string& name) const;
  [[nodiscard]] Result<> keep_tables(Loading& loading, const bpf::ObjectFile& object, Family family,
                                     std::map<std::string, bpf::Map> created) const;
  [[nodiscard]] Result<std::optional<bpf::KnownMap>> find_left_table(const Loading& loading,
                                                                     const bpf::ObjectFile& object,
                                                                     const std::string& key,
                                                                     const std::string& name) const;
  [[nodiscard]] Result<Microcube> successor(const MicrocubeId& id, const Code& code) const;
  void adopt(Loading& loading);

  /// By which a table is pinned.
  [[nodiscard]] Result<std::string> pin_name(const Loading& loading, const bpf::ObjectFile& object,
                                             const std::string& key, const std::string& name) const;

  Pins* pins_;
  std::string uuid_;
  Panel* panel_;
  Panel* tc_panel_;
  SharedTables* shared_;  ///< with other cubes
  PanelSlot slot_;
  std::optional<PanelSlot> egress_slot_;
  std::optional<PanelSlot> host_egress_slot_;
  std::optional<PanelSlot> flood_slot_;
  std::optional<PanelSlot> out_slot_;
  std::string name_;
  const Package* package_;
  topology::Hook hook_;
  mutable std::shared_mutex tables_mutex_;  ///< guards the three that follow, for those who only read tables
  std::map<std::string, std::shared_ptr<Table>>
      framework_;             ///< the framework's own tables, of all programs of the cube
  SharedTables cube_tables_;  ///< what the author's programs share
  std::map<MicrocubeId, Microcube> microcubes_;
  std::set<MicrocubeId> inherited_;  ///< from a control plane that is no more
  std::uint64_t version_ = 0;
  std::map<MicrocubeId, std::uint64_t> changed_;  ///< at which version each was changed, also those that are gone
  CubePrograms programs_;
  std::map<std::uint16_t, PortStatistics> counted_before_;
  bpf::Map kept_counted_before_;  ///< the same, pinned as the counters are; made when it is needed
  Pin counted_before_pin_;

 public:
  bool follows_log = false;
  SlowPath::Subscription log;  ///< delivers the lines; kept by the engine, first to go
};

}  // namespace polycube::engine
