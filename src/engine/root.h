// SPDX-License-Identifier: Apache-2.0
/// The root program of one device and hook, and where it leads.
/// Why: an XDP attachment takes milliseconds to change; a root stays attached and is led elsewhere by one store.
/// Invariants: between attach() and the first steer() packets go to the host; steer() never shows a packet the new cube
/// together with the old port. Destroyed only after a grace period since detach().
/// Threading: not synchronised; used under the engine's lock.
#pragma once

#include <cstdint>

#include "bpf/link.h"
#include "bpf/object.h"
#include "engine/panel.h"

namespace polycube::engine {

/// Where packets enter cubes of this hook.
[[nodiscard]] bpf::AttachPoint attach_point(topology::Hook hook);

class Root {
 public:
  /// Attaches to the device. Errors: as bpf::Link::attach.
  [[nodiscard]] static Result<Root> attach(Panel& panel, const bpf::ObjectFile& object, int device,
                                           const std::string& device_name, topology::Hook hook);

  /// Leads packets to `port` of the cube whose program this is.
  [[nodiscard]] Result<> steer(const bpf::Program& program, std::uint16_t port);

  /// No further packet enters; those that did may still be on their way.
  void detach() { link_ = bpf::Link(); }

 private:
  Root(PanelSlot first, PanelSlot second) : slots_{std::move(first), std::move(second)} {}
  PanelSlot slots_[2];
  unsigned entry_ = 0;
  bool active_ = false;
  std::uint16_t port_ = 0;
  bpf::Link link_;
  bpf::MappedMemory target_;
};

}  // namespace polycube::engine
