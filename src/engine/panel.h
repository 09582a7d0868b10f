// SPDX-License-Identifier: Apache-2.0
/// The program array through which packets enter cubes, one for the TC hook and one for the XDP hooks, and the other maps
/// that all programs of these hooks share.
/// Why: "attach once, swap behind": a slot is replaced in microseconds while packets flow, an attachment is not.
/// Invariants: outlives its slots.
/// Threading: not synchronised; used under the engine's lock.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bpf/map.h"
#include "bpf/program.h"
#include "engine/pins.h"
#include "topology/topology.h"

namespace polycube::engine {

/// Hooks whose programs can jump into each other.
enum class Family { tc, xdp };
[[nodiscard]] inline Family family_of(topology::Hook hook) {
  return hook == topology::Hook::tc ? Family::tc : Family::xdp;
}

class Panel {
 public:
  /// `pins`: so that it outlives the daemon; null: it does not.
  /// `others`: maps that programs of all families share, by name; they stay as long as the panel.
  [[nodiscard]] static Result<std::unique_ptr<Panel>> create(Family family, Pins* pins = nullptr,
                                                             std::map<std::string, int> others = {});

  /// The maps that every program of the family shares, by name.
  [[nodiscard]] std::map<std::string, int> shared_maps() const;

 private:
  friend class PanelSlot;
  Panel() = default;
  [[nodiscard]] bool leaving() const { return pins_ != nullptr && pins_->leaving(); }
  Pins* pins_ = nullptr;
  bpf::Map programs_;
  Pin pin_;
  bpf::Map scratch_;  ///< XDP only
  std::map<std::string, int> others_;
  bpf::Map devices_;                ///< XDP only: the devices that packets are sent to, by slot
  std::deque<std::uint16_t> free_;  ///< first freed, first reused: a copy that still names a slot is long gone by then
};

/// One slot of a panel, empty at first. Destroying it empties and frees the slot, so this comes after a grace period
/// since the last program that could jump there was replaced.
class PanelSlot {
 public:
  /// Errors: limit_exceeded.
  [[nodiscard]] static Result<PanelSlot> allocate(Panel& panel);
  PanelSlot(PanelSlot&& other) noexcept : panel_(std::exchange(other.panel_, nullptr)), number_(other.number_) {}
  PanelSlot& operator=(PanelSlot&& other) = delete;
  ~PanelSlot();

  [[nodiscard]] std::uint16_t number() const { return number_; }
  /// An empty program empties the slot.
  [[nodiscard]] Result<> set(const bpf::Program& program) const;
  /// The device of this slot's root can be sent to under the slot's number. Nothing is needed for that on TC.
  [[nodiscard]] Result<> set_device(int device) const;

 private:
  PanelSlot(Panel& panel, std::uint16_t number) : panel_(&panel), number_(number) {}
  Panel* panel_;
  std::uint16_t number_;
};

}  // namespace polycube::engine
