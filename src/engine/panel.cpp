// SPDX-License-Identifier: Apache-2.0
#include "engine/panel.h"

#include <linux/bpf.h>
#include <polycube/abi.h>

#include "base/log.h"
#include "engine/undo.h"

namespace polycube::engine {

Result<std::unique_ptr<Panel>> Panel::create(Family family, Pins* pins, std::map<std::string, int> others) {
  std::unique_ptr<Panel> panel(new Panel);
  panel->pins_ = pins;
  panel->others_ = std::move(others);
  const char* name = family == Family::tc ? "pcn_panel_tc" : "pcn_panel_xdp";
  PCN_ASSIGN(panel->programs_, bpf::Map::create({.name = name,
                                                 .type = BPF_MAP_TYPE_PROG_ARRAY,
                                                 .key_size = sizeof(__u32),
                                                 .value_size = sizeof(__u32),
                                                 .max_entries = PCN_PANEL_SLOTS}));
  if (pins != nullptr) {
    PCN_ASSIGN(panel->pin_, pins->pin(panel->programs_.fd(), std::string("programs/") + name));
  }
  if (family == Family::xdp) {
    PCN_ASSIGN(panel->scratch_, bpf::Map::create({.name = "pcn_scratch",
                                                  .type = BPF_MAP_TYPE_PERCPU_ARRAY,
                                                  .key_size = sizeof(__u32),
                                                  .value_size = sizeof(pcn_scratch),
                                                  .max_entries = 1}));
    PCN_ASSIGN(panel->devices_, bpf::Map::create({.name = "pcn_devices",
                                                  .type = BPF_MAP_TYPE_DEVMAP,
                                                  .key_size = sizeof(__u32),
                                                  .value_size = sizeof(__u32),
                                                  .max_entries = PCN_PANEL_SLOTS}));
  }
  for (std::uint16_t slot = 0; slot < PCN_PANEL_SLOTS; slot++) panel->free_.push_back(slot);
  return panel;
}

Result<PanelSlot> PanelSlot::allocate(Panel& panel) {
  if (panel.free_.empty()) return fail(ErrorCode::limit_exceeded, "all {} program slots are in use", PCN_PANEL_SLOTS);
  const std::uint16_t number = panel.free_.front();
  panel.free_.pop_front();
  return PanelSlot(panel, number);
}

PanelSlot::~PanelSlot() {
  if (panel_ == nullptr || panel_->leaving()) return;
  for (const bpf::Map* map : {&panel_->programs_, &panel_->devices_}) {
    if (map->fd() < 0) continue;
    if (auto done = try_twice([&] { return map->erase(number_); }); !done)
      log::error("slot {} keeps what is in it until it is used again: {}", number_, done.error().message);
  }
  panel_->free_.push_back(number_);
}

Result<> PanelSlot::set(const bpf::Program& program) const {
  if (program) return panel_->programs_.set(number_, program.fd());
  (void)panel_->programs_.erase(number_);  // which fails only when it is empty already
  return {};
}

Result<> PanelSlot::set_device(int device) const {
  return panel_->devices_.fd() < 0 ? Result<>() : panel_->devices_.set(number_, device);
}

std::map<std::string, int> Panel::shared_maps() const {
  std::map<std::string, int> maps = others_;
  maps.emplace("pcn_panel", programs_.fd());
  if (scratch_.fd() >= 0) maps.emplace("pcn_scratch", scratch_.fd());
  if (devices_.fd() >= 0) maps.emplace("pcn_devices", devices_.fd());
  return maps;
}

}  // namespace polycube::engine
