// SPDX-License-Identifier: Apache-2.0
/// The root program of one device, hook and direction, and what it enters.
/// Why: an XDP attachment takes milliseconds to change; a root stays attached, and the slot behind it is replaced.
/// Invariants: between attach() and the first steer() packets go to the host. Destroyed only after a grace period since
/// detach().
/// Threading: not synchronised; used under the engine's lock.
#pragma once

#include <cstdint>
#include <optional>

#include "bpf/link.h"
#include "bpf/object.h"
#include "engine/panel.h"
#include "engine/tracer.h"
#include "topology/wiring.h"

namespace polycube::engine {

/// Where packets enter cubes at this gate.
[[nodiscard]] bpf::AttachPoint attach_point(const topology::Gate& gate);

class Root {
 public:
  /// Loads the program; nothing is attached yet, but wires may point to slot().
  [[nodiscard]] static Result<Root> create(Panel& panel, const bpf::ObjectFile& object, int device);

  /// Attaches to the device of create(). Warns of a device to which native XDP cannot send. With `pins`, which may be null, the
  /// attachment outlives the daemon; that of a daemon before is kept as it is until take_over(). Errors: in_use (the root of
  /// another daemon is in front of this one), as bpf::Link::attach.
  [[nodiscard]] Result<> attach(const std::string& device_name, const topology::Gate& gate, Pins* pins = nullptr);
  /// From now on packets enter here and not into what a daemon before left.
  [[nodiscard]] Result<> take_over();
  /// False once the device is gone, even when another has its index.
  [[nodiscard]] bool attached() const { return link_.attached(); }

  /// Lets packets enter this program (Cube::entry), behind the tracer if there is one.
  [[nodiscard]] Result<> steer(const bpf::Program& entry);

  /// From the next steer() on packets meet a program before it that decides which of them are followed. `object`: the tracer
  /// program's.
  [[nodiscard]] Result<> put_tracer(Panel& panel, const bpf::ObjectFile& object, const topology::Gate& gate);
  /// From the next steer() on there is none. Returns what packets may still be in: it goes after a grace period.
  [[nodiscard]] std::optional<PanelSlot> take_tracer() {
    tracer_ = bpf::Program();
    return std::exchange(behind_tracer_, std::nullopt);
  }

  /// Where wires to this device point in pcn_devices.
  [[nodiscard]] std::uint16_t slot() const { return slot_.number(); }

  /// No further packet enters; those that did may still be on their way.
  void detach() {
    pin_ = Pin();
    link_ = bpf::Link();
    taken_ = false;
  }

 private:
  Root(PanelSlot slot, int device) : slot_(std::move(slot)), device_(device) {}
  PanelSlot slot_;
  int device_;
  bpf::Program program_;
  bpf::Program tracer_;
  std::optional<PanelSlot> behind_tracer_;  ///< what the tracer enters, if there is one
  bpf::Link link_;
  Pin pin_;
  bool taken_ = false;  ///< the link leads to the program of a daemon before
};

}  // namespace polycube::engine
