// SPDX-License-Identifier: Apache-2.0
/// Chains of simpleforwarders made by the engine alone, without daemon and data trees.
/// Why: the data path is that of the product, and the measuring process decides exactly when it changes.
/// Threading: one thread.
#pragma once

#include "engine/engine.h"
#include "laboratory.h"
#include "model/schema.h"

namespace polycube::bench {

class ForwarderChain {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ForwarderChain>> create();

  /// Replaces what there was by a chain of `length` cubes from one device to another one and back.
  [[nodiscard]] Result<> wire(topology::Hook hook, unsigned length, const Device& from, const Device& to);
  [[nodiscard]] Result<> clear();
  /// Packets are followed by a filter that lets none through, or no longer.
  [[nodiscard]] Result<> trace(bool on);

  /// Program of the cube that is this far from the device where packets come in.
  [[nodiscard]] Result<const bpf::Program*> cube(unsigned position) const;
  /// The root program on a device.
  [[nodiscard]] Result<bpf::Program> root(topology::Hook hook, const Device& device) const;

 private:
  ForwarderChain() = default;
  [[nodiscard]] Result<> apply(topology::Topology wanted);

  std::shared_ptr<const model::Schema> schema_;
  std::optional<engine::Package> package_;
  std::unique_ptr<engine::Engine> engine_;
  topology::Topology running_;
  topology::Devices devices_;
};

}  // namespace polycube::bench
