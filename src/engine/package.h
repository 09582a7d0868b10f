// SPDX-License-Identifier: Apache-2.0
/// A service package as the engine uses it: the objects of its fast path and how the model is bound to their tables.
/// Invariants: immutable but for rebind(); every binding of the model has a table and a codec for both hook flavours.
/// Threading: shared freely.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpf/object.h"
#include "engine/panel.h"
#include "engine/table_codec.h"
#include "model/schema.h"

namespace polycube::engine {

/// The objects of one program, for both hooks; null where there is none.
struct Code {
  std::shared_ptr<const bpf::ObjectFile> tc;
  std::shared_ptr<const bpf::ObjectFile> xdp;

  [[nodiscard]] const bpf::ObjectFile* object(Family family) const {
    return family == Family::tc ? tc.get() : xdp.get();
  }
  bool operator==(const Code&) const = default;
};

/// Whether the object has this program, for this hook.
[[nodiscard]] Result<> check_program(const bpf::ObjectFile& object, const char* name, Family family);

/// The ring buffers that an author declares, with their sizes in bytes.
[[nodiscard]] std::map<std::string, __u32> rings_of(const bpf::ObjectFile& object);

struct BoundTable {
  const model::TableBinding* binding;
  TableCodec codec;
};

class Package {
 public:
  /// Reads NAME.tc.o and NAME.xdp.o of the folder, and such pairs of other names, which are slaves. `model` must outlive the
  /// package.
  /// Errors: invalid_value naming the object, table, leaf or field that does not fit.
  [[nodiscard]] static Result<Package> open(const std::filesystem::path& folder, const model::ServiceModel& model,
                                            bpf::Origin origin = bpf::Origin::installed);

  /// From now on the bindings are those of `model`, which was made from the same module. Not beside anything else.
  void rebind(const model::ServiceModel& model);

  /// What people call a reason to drop a packet: of enum pcn_drop, or of the cubes' own behind it.
  [[nodiscard]] std::string drop_name(std::size_t reason) const;

  [[nodiscard]] const Code& master() const { return master_; }
  [[nodiscard]] const bpf::ObjectFile& object(Family family) const { return *master_.object(family); }
  /// A slave of the package by name, or the master by that of the service. Errors: data_missing.
  [[nodiscard]] Result<Code> code(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, Code>& slaves() const { return slaves_; }
  [[nodiscard]] const std::vector<BoundTable>& tables() const { return tables_; }
  [[nodiscard]] const BoundTable* table(const model::TableBinding& binding) const;
  /// Whether a table is the author's and not the framework's.
  [[nodiscard]] static bool is_own_table(const std::string& name) { return !name.starts_with("pcn_"); }
  /// Whether its cubes send one packet out of several ports (sdk/bpf/polycube/flood.h).
  [[nodiscard]] bool floods() const { return floods_; }
  /// Whether its cubes have a slow path (sdk/bpf/polycube/controller.h).
  [[nodiscard]] bool slow_path() const { return slow_path_; }
  /// Whether that sends packets, too.
  [[nodiscard]] bool sends() const { return sends_; }
  /// Whether its cubes have a program for the way out (sdk/bpf/polycube/egress.h).
  [[nodiscard]] bool egress() const { return egress_; }
  /// Whether its cubes have no ports but a parent (sdk/bpf/polycube/transparent.h).
  [[nodiscard]] bool transparent() const { return transparent_; }

 private:
  Package(std::string name, Code master) : name_(std::move(name)), master_(std::move(master)) {}
  std::string name_;
  Code master_;
  std::map<std::string, Code> slaves_;
  std::vector<BoundTable> tables_;
  std::vector<std::string> drop_names_;  ///< of the cubes' own reasons
  bool floods_ = false;
  bool slow_path_ = false;
  bool sends_ = false;
  bool egress_ = false;
  bool transparent_ = false;
};

}  // namespace polycube::engine
