// SPDX-License-Identifier: Apache-2.0
/// Carries out transactions on the data path: everything that changes the kernel's state goes through here.
/// Why: effects are kept apart from decisions, and can be taken back as a whole.
/// Invariants: apply() either brings the data path to the wanted state or leaves it as it was. While it works, packets
/// take the old way or the new one: new cubes are entered before others lead there, and old ones go only when no
/// program can jump there any more. (Cubes that change places with each other in one transaction are the exception: while
/// their programs are replaced, one after the other, packets between them may be dropped.)
/// Threading: apply() and the writing functions one at a time, without readers; readers beside each other. The caller
/// locks. Microcubes may be used from every thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "engine/cube.h"
#include "engine/injector.h"
#include "engine/microcubes.h"
#include "engine/pins.h"
#include "engine/root.h"
#include "engine/slow_path.h"
#include "engine/tracer.h"
#include "engine/undo.h"
#include "topology/wiring.h"

namespace polycube::engine {

/// What a transaction does to one bound node of one cube.
struct TableChange {
  const model::TableBinding* binding;
  model::RowChanges changes;
};

/// An element of a table before a transaction.
struct OldElement {
  std::string cube;  ///< UUID
  std::string table;
  std::string layout;  ///< of its keys and values
  TableAccess::Element element;
};

/// Who was in the way of a transaction that failed, as far as it is one alone.
struct Culprit {
  std::optional<int> device = {};  ///< interface index of one that the kernel does not let have
  std::string cube = {};
};

struct Transaction {
  const topology::Topology& before;
  const topology::Topology& after;
  const topology::Wiring& wiring;  ///< of `after`
  const topology::Devices& devices;
  std::map<std::string, std::vector<TableChange>> tables;  ///< by cube
  std::map<std::string, const Package*> packages;          ///< of the services that new cubes are made from
  /// What belongs to the transaction besides. Called when tables are written and new programs run; new cubes are found as
  /// if they were there already. It adds to the undo how to take it back.
  std::function<Result<>(Undo&)> control = {};
  /// Called with what is about to be overwritten in tables of cubes that run: should the daemon be killed before save() was,
  /// the next one has to put it back. Only of an engine whose tables outlive it.
  std::function<Result<>(const std::vector<OldElement>&)> intend = {};
  /// What a transaction that was never saved had overwritten in the tables of cubes that are created.
  std::vector<OldElement> interrupted = {};
  /// The programs of new cubes that have others than their package's master, by cube.
  std::map<std::string, std::map<MicrocubeId, Code>> programs = {};
  /// Filled in when it fails; null: nobody wants to know.
  Culprit* culprit = nullptr;
  /// Called when all else is done, as the last thing that can fail and take the transaction back.
  std::function<Result<>()> save = {};
};

class Engine {
 public:
  /// `programs`: folder with the objects of the engine's own programs. `pin_dir`: folder of the BPF file system in which what
  /// outlives the daemon is kept; empty: nothing does. Errors: as Pins::open().
  [[nodiscard]] static Result<std::unique_ptr<Engine>> create(const std::filesystem::path& programs,
                                                              const std::filesystem::path& pin_dir = {});
  /// Ends the data path, unless leave() was called.
  ~Engine();

  /// From now on everything stays as it is, also when the engine is destroyed.
  void leave();
  /// What a daemon before left and no transaction has taken over by now goes. To be called once.
  [[nodiscard]] Result<> settle();

  [[nodiscard]] Result<> apply(const Transaction& transaction);
  /// What transactions that failed could not take back, so that the data path is not what it should be. Only a daemon that
  /// begins builds all of it anew.
  [[nodiscard]] const std::vector<std::string>& not_taken_back() const { return not_taken_back_; }

  /// Packets are followed from now on, or no longer; no packet is lost. `same`: a transaction that changes nothing.
  [[nodiscard]] Result<> trace(bool on, const Transaction& same);
  /// Whether they are: also after they could not be ended.
  [[nodiscard]] bool tracing() const { return tracing_ == Tracing::on; }
  [[nodiscard]] const Tracer& tracer() const { return *tracer_; }
  /// What an event names; absent once it is gone.
  [[nodiscard]] std::optional<std::string> traced_cube(std::uint16_t number) const;
  [[nodiscard]] std::optional<topology::Gate> traced_gate(std::uint16_t number) const;

  /// Whether a device to which something is attached has gone. Another may have its name and index by now, and is attached
  /// to by the next apply().
  [[nodiscard]] bool has_lost_device() const;
  /// Where packets do not enter any more: the device has gone, or somebody detached the program.
  [[nodiscard]] std::vector<topology::Gate> detached_gates() const;

  /// What outlives the daemon and is not where it was pinned; restore_pins() pins it again. Safe from every thread.
  [[nodiscard]] std::vector<std::filesystem::path> missing_pins() const {
    return pins_ ? pins_->missing() : std::vector<std::filesystem::path>();
  }
  [[nodiscard]] Result<> restore_pins() const { return pins_ ? pins_->restore() : Result<>(); }

  /// Whether a daemon before left devices that lead to its cubes, and settle() was not called yet.
  [[nodiscard]] bool runs_already() const;

  /// Whether the engine made this device for itself.
  [[nodiscard]] bool owns(int device) const;

  [[nodiscard]] const Cube* cube(const std::string& name) const;

  [[nodiscard]] SlowPath& slow_path() { return *slow_path_; }
  /// Delivers the packets that a cube sends to its slow path. Errors: data_missing (no such cube, or no slow path).
  [[nodiscard]] Result<SlowPath::Subscription> subscribe(const std::string& cube, SlowPath::Handler handler,
                                                         SlowPath::Gate gate = {});
  /// The same for the records of the ring buffers that the cube's master declares.
  using RecordHandler = std::function<void(const std::string& ring, std::span<const std::byte> record)>;
  [[nodiscard]] Result<std::vector<SlowPath::Subscription>> subscribe_records(const std::string& cube,
                                                                              const RecordHandler& handler,
                                                                              const SlowPath::Gate& gate = {});
  /// Where the slow path of a cube sends packets; valid as long as the cube.
  [[nodiscard]] Result<Outlet> outlet(const std::string& cube) const;
  /// Errors: data_missing.
  [[nodiscard]] Result<Microcubes> microcubes(const std::string& cube);

 private:
  friend class Microcubes;
  friend class Simulator;
  struct Platform;  ///< what the cubes of one family share
  struct Staged;    ///< what a transaction has prepared
  Engine() = default;
  [[nodiscard]] Result<> carry_out(const Transaction& transaction);
  [[nodiscard]] Result<> prepare(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> prepare_cubes(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> prepare_roots(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> attach_roots(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Cube::EntryObjects entry_objects(const Cube& cube) const;
  [[nodiscard]] Result<> load(const std::string& name, Staged& staged);
  [[nodiscard]] Result<CubePrograms> put_in_place(Cube& cube, CubePrograms programs) const;
  [[nodiscard]] Result<> follow_log(Cube& cube);
  void make_way(const Transaction& transaction, const topology::Gate& gate, Staged& staged);
  [[nodiscard]] Result<> commit(const Transaction& transaction, Staged& staged);
  enum class WireChange { gains, loses, other };
  [[nodiscard]] WireChange wire_change(const std::string& name, const Staged& staged) const;
  [[nodiscard]] Result<> install(const std::string& name, Staged& staged);
  [[nodiscard]] Result<> steer_roots(const Transaction& transaction, const std::set<std::string>& cubes,
                                     Staged& staged);
  static void put_back(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> intend(const Transaction& transaction) const;
  [[nodiscard]] Result<> write_tables(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> call_control(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> start_counting(const Transaction& transaction, Staged& staged);
  void finish(const Transaction& transaction, Staged& staged);
  void lead_roots(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> put_tracers();
  void take_tracers();
  void release_retired();
  void part_retired_cubes();
  void take_over_cubes(const Transaction& transaction, Staged& staged);
  [[nodiscard]] Result<> forget_reused_indexes(const Transaction& transaction, Staged& staged);
  void forget_ports(const Transaction& transaction);
  [[nodiscard]] Result<CubeConstants> make_constants(const Transaction& transaction, const std::string& name,
                                                     Staged& staged);
  struct Exits {
    unsigned own;     ///< ports with code of their own
    unsigned direct;  ///< further direct jumps
    bool host;        ///< in a program for packets of the host
  };
  void set_wires(pcn_config& config, const topology::Wires& wires, topology::Hook hook, const Exits& exits,
                 Staged& staged);
  [[nodiscard]] std::uint16_t slot_of(const topology::Wire& wire, bool host, Staged& staged);
  [[nodiscard]] Result<Injector*> injector(Family family);
  [[nodiscard]] const Root& root(const topology::Gate& gate, const Staged& staged) const;
  [[nodiscard]] Cube* find(const std::string& name, Staged& staged);

  std::unique_ptr<Tracer> tracer_;
  Tracing tracing_ = Tracing::off;
  bool attached_ = true;  ///< false of a twin (simulator.h): no device knows of it, nor does it have devices of its own
  std::unique_ptr<Pins> pins_;  ///< null: nothing outlives the daemon; outlives all that is pinned

  /// Held while programs are loaded and put into place, and while roots come and go; never while a control plane is called.
  mutable std::mutex programs_mutex_;
  std::uint64_t masters_replaced_ = 0;  ///< by control planes
  SharedTables tables_;                 ///< of more than one cube
  std::map<Family, std::unique_ptr<Platform>> platforms_;
  std::unique_ptr<bpf::ObjectFile> flood_;  ///< calls the programs that make copies
  std::shared_ptr<const bpf::ObjectFile> simulator_;
  std::map<Family, Injector> injectors_;
  std::unique_ptr<SlowPath> slow_path_;
  std::map<std::string, std::unique_ptr<Cube>> cubes_;
  const Staged* in_control_ = nullptr;  ///< while Transaction::control runs
  struct Entry {
    Root root;
    std::string cube;
    CubeGate where;
  };
  std::map<topology::Gate, Entry> roots_;
  /// What nothing leads to any more, until a grace period has passed.
  struct Retired {
    std::vector<PanelSlot> slots;
    std::vector<Root> roots;
    std::vector<std::unique_ptr<Cube>> cubes;
  };
  Retired retired_;
  std::vector<std::string> not_taken_back_;
};

}  // namespace polycube::engine
