// SPDX-License-Identifier: Apache-2.0
#include "engine/microcube.h"

namespace polycube::engine {

using topology::Direction;

std::string to_string(const MicrocubeId& id) {
  if (id.is_master()) return "the master";
  return fmt::format("{} program {}", id.direction == Direction::egress ? "egress" : "ingress", id.index);
}

std::vector<Family> families_of(const Package& package, topology::Hook hook, const MicrocubeId& id) {
  const Family own = family_of(hook);
  // On their way out, packets of the host meet an XDP cube at the TC hook.
  const bool out = id.is_master() ? package.egress() : id.direction == Direction::egress;
  return own == Family::xdp && out ? std::vector{Family::xdp, Family::tc} : std::vector{own};
}

namespace {

const char* hook_of(Family family) { return family == Family::tc ? "TC" : "XDP"; }

// What cubes were made for when they were created stays.
Result<> check_feature(const bpf::ObjectFile& object, bool has, bool wanted, const char* header) {
  if (has == wanted) return {};
  return fail(ErrorCode::operation_not_supported,
              "{} {} polycube/{}, and the program that cubes of this service are created with {}: both or none",
              object.path().string(), has ? "includes" : "does not include", header, wanted ? "does" : "does not");
}

Result<> check_master(const bpf::ObjectFile& object, const Package& package, Family family) {
  if (object.has_constant("pcn_program"))
    return fail(ErrorCode::invalid_value,
                "{} is a slave, and cannot be the master: that includes polycube/cube.h or polycube/transparent.h",
                object.path().string());
  PCN_TRY(check_program(object, "pcn_ingress", family));
  PCN_TRY(check_feature(object, object.has_constant("pcn_transparent"), package.transparent(), "transparent.h"));
  PCN_TRY(check_feature(object, object.maps().contains("pcn_controller"), package.slow_path(), "controller.h"));
  PCN_TRY(check_feature(object, object.programs().contains("pcn_egress"), package.egress(), "egress.h"));
  if (family == Family::xdp)
    PCN_TRY(check_feature(object, object.maps().contains("pcn_injector"), package.floods(), "flood.h"));
  for (const BoundTable& bound : package.tables()) {
    const std::string& name = bound.binding->table;
    if (!object.maps().contains(name))
      return fail(ErrorCode::invalid_value, "{} has no table {}, which the model is bound to", object.path().string(),
                  name);
    const TableShape wanted = shape_of(package.object(family), name);
    const TableShape shape = shape_of(object, name);
    if (!(shape == wanted))
      return fail(ErrorCode::invalid_value,
                  "{}: table {} is a {}, but the model is bound to a {}: keep the tables that the model is bound to as "
                  "they are",
                  object.path().string(), name, to_string(shape), to_string(wanted));
    PCN_ASSIGN(const TableScope wanted_scope, scope_of(package.object(family), name));
    PCN_ASSIGN(const TableScope scope, scope_of(object, name));
    if (!(scope == wanted_scope))
      return fail(ErrorCode::invalid_value,
                  "{}: table {} is shared otherwise (PCN_SHARED and the like) than the one that the model is bound to: "
                  "keep the tables that the model is bound to as they are",
                  object.path().string(), name);
  }
  return {};
}

Result<> check_slave(const bpf::ObjectFile& object, const Package& package, Family family, Direction direction) {
  const bool out = direction == Direction::egress;
  if (!object.has_constant("pcn_program"))
    return fail(ErrorCode::invalid_value, "{} is no slave: that includes polycube/slave.h or polycube/egress_slave.h",
                object.path().string());
  if (!object.programs().contains(out ? "pcn_egress" : "pcn_ingress"))
    return fail(ErrorCode::invalid_value, "{} has no {} program: include polycube/{}.h and define handle_{}",
                object.path().string(), out ? "egress" : "ingress", out ? "egress_slave" : "slave", out ? "tx" : "rx");
  PCN_TRY(check_program(object, out ? "pcn_egress" : "pcn_ingress", family));
  const auto needs = [&](const char* map, bool has, const char* header) -> Result<> {
    if (has || !object.maps().contains(map)) return {};
    return fail(ErrorCode::operation_not_supported,
                "{} includes polycube/{}, which the master of the cube does not: include it there as well",
                object.path().string(), header);
  };
  PCN_TRY(needs("pcn_controller", package.slow_path(), "controller.h"));
  return needs("pcn_injector", package.floods(), "flood.h");
}

// The rings that the control plane reads are those that the cube was created with; slaves may write into those of the cube.
Result<> check_rings(const bpf::ObjectFile& object, const bpf::ObjectFile& created, bool is_master) {
  const auto wanted = rings_of(created);
  const auto declared = rings_of(object);
  bool fits = !is_master || declared.size() == wanted.size();
  for (const auto& [name, size] : declared) {
    const auto ring = wanted.find(name);
    fits = fits && ring != wanted.end() && ring->second == size;
    if (!fits) break;
    PCN_ASSIGN(const TableScope scope, scope_of(object, name));
    PCN_ASSIGN(const TableScope scope_of_created, scope_of(created, name));
    fits = scope.kind == scope_of_created.kind && (is_master || scope.kind == TableScope::Kind::cube);
  }
  if (fits) return {};
  const auto names = [](const auto& rings) {
    std::vector<std::string> list;
    for (const auto& [name, size] : rings) list.push_back(fmt::format("{} ({} bytes)", name, size));
    return list.empty() ? std::string("none") : fmt::format("{}", fmt::join(list, ", "));
  };
  return fail(ErrorCode::operation_not_supported,
              "{} declares the ring buffers {}; the control plane reads those of {}: {}. Declare them alike{}",
              object.path().string(), names(declared), created.path().string(), names(wanted),
              is_master ? "" : ", in both with PCN_SHARED");
}

}  // namespace

Result<> check_code(const Code& code, const Package& package, topology::Hook hook, const MicrocubeId& id) {
  if (id.direction == Direction::egress && !package.egress())
    return fail(ErrorCode::operation_not_supported,
                "the master has no program for the way out (polycube/egress.h), and so there is none to jump from");
  for (const Family family : families_of(package, hook, id)) {
    const bpf::ObjectFile* object = code.object(family);
    if (object == nullptr)
      return fail(ErrorCode::invalid_value, "there is no object for {}: {}", hook_of(family),
                  family == family_of(hook) ? "the cube runs there"
                                            : "packets of the host leave devices there, also those of XDP cubes");
    PCN_TRY(id.is_master() ? check_master(*object, package, family)
                           : check_slave(*object, package, family, id.direction));
    PCN_TRY(check_rings(*object, package.object(family), id.is_master()));
  }
  return {};
}

}  // namespace polycube::engine
