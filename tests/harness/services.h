// SPDX-License-Identifier: Apache-2.0
/// The service packages of the build tree, as tests use them. @file
/// Threading: the first call of each function loads; the results are immutable.
#pragma once

#include <memory>
#include <string>

#include "engine/package.h"

namespace polycube::harness {

struct Service {
  std::string name;
  std::shared_ptr<const model::Schema> schema;  ///< owner of the model, of services that have a YANG module
  model::ServiceModel own_model;                ///< of those that have none
  std::unique_ptr<engine::Package> package;
};

/// A service of cubes/, by its YANG module.
[[nodiscard]] const Service& service(const std::string& name);

/// The probe (probe/bpf/probe.bpf.c): does what its table `rules` says. `flooder` can flood too, `slow_prober`
/// sends to a slow path. Their bindings are
/// written out here, so that tests of the framework need no YANG.
[[nodiscard]] const Service& probe();
[[nodiscard]] const Service& flooder();
[[nodiscard]] const Service& slow_prober();  ///< has a slow path
[[nodiscard]] const Service& logger();       ///< logs lines of every kind (probe/bpf/logger.bpf.c)
[[nodiscard]] const Service& chatty();       ///< logs what it does (probe/bpf/chatty.bpf.c)
[[nodiscard]] const Service& silent();       ///< the same compiled without any log
/// Parses and rewrites packets with the SDK's headers (parser/bpf/parser.bpf.c).
[[nodiscard]] const Service& parser();
/// Jumps to its slaves step, later, other, renamed, greedy, talker and rules64 to rules16384 (probe/bpf/caller.bpf.c); once with
/// ports, once transparent.
[[nodiscard]] const Service& caller();
[[nodiscard]] const Service& transparent_caller();
/// Sends packets out of the port that its table `targets` says, a number of 64 bits (probe/bpf/wide.bpf.c): "field" as it is,
/// "counter" as an atomic addition returns it, "remainder" by 100. `form` is one of these.
[[nodiscard]] const Service& wide(const std::string& form);
/// A service whose program the verifier refuses while the first port leads nowhere.
[[nodiscard]] const Service& refused();

}  // namespace polycube::harness
